BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose unseen posts of a tag from strides that double, below its hottest post; their places follow `before`.
CREATE OR REPLACE FUNCTION vroom_private.walk_tag_strides(
  search vroom_private.search, tag text, before bigint, max_rows integer
) RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_top double precision := (SELECT max(t.hot_score) FROM post_tags t WHERE t.tag = walk_tag_strides.tag);
BEGIN
  RETURN QUERY
  SELECT s.post_id, 'tag'::text, NULL::text,
         before + row_number() OVER (ORDER BY s.stride, s.post_id)
  FROM (
    SELECT p.post_id, min(g.stride) AS stride
    FROM generate_series(0, 13) AS g(stride)
    CROSS JOIN LATERAL (
      SELECT t.post_id, t.post_no FROM post_tags t
      WHERE t.tag = walk_tag_strides.tag AND t.hot_score < v_top - 0.25 * 2 ^ g.stride
      ORDER BY t.hot_score DESC LIMIT 40
    ) p
    LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = p.post_no >> 10
    WHERE coalesce(get_bit(v.seen, (p.post_no & 1023)::integer), 0) = 0
    GROUP BY p.post_id
  ) s
  LIMIT max_rows;
END
$$;

-- Propose the hottest unseen posts of a tag, max_rows at most, and name the seen posts that come before them.
-- Where the viewer has seen most of the tag's top, bits tell which of its hottest 4,000 posts are unseen, and
-- strides that double reach below those. In this way a taste finds posts for as long as the tag has any.
CREATE OR REPLACE FUNCTION vroom_private.walk_tag(search vroom_private.search, tag text, max_rows integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_deep  integer := 4000;
  v_found bigint;
BEGIN
  RETURN QUERY
  SELECT n.post_id, 'tag'::text, n.reason, n.unseen
  FROM (
    SELECT judged.post_id, judged.reason,
           count(*) FILTER (WHERE judged.reason IS NULL)
             OVER (ORDER BY judged.hot_score DESC, judged.post_id ROWS UNBOUNDED PRECEDING) AS unseen
    FROM (
      SELECT hottest.post_id, hottest.hot_score, seen.reason
      FROM (
        SELECT t.post_id, t.hot_score FROM post_tags t
        WHERE t.tag = walk_tag.tag
        ORDER BY t.hot_score DESC, t.post_id LIMIT 2 * max_rows
      ) hottest
      CROSS JOIN LATERAL vroom_private.was_seen(
        search.viewer, search.cutoff, search.served, hottest.post_id) AS seen
      ORDER BY hottest.hot_score DESC, hottest.post_id OFFSET 0  -- each reason is computed once
    ) judged
  ) n
  WHERE n.unseen <= max_rows;  -- the window stops here
  GET DIAGNOSTICS v_found = ROW_COUNT;
  -- There are fewer rows than were looked at: either all of them were proposed, or the tag has no more.
  IF v_found < 2 * max_rows THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT d.post_id, 'tag'::text, NULL::text, row_number() OVER (ORDER BY d.hot_score DESC, d.post_id)
  FROM (
    SELECT t.post_id, t.hot_score, t.post_no FROM post_tags t
    WHERE t.tag = walk_tag.tag
    ORDER BY t.hot_score DESC, t.post_id OFFSET 2 * max_rows LIMIT v_deep
  ) d
  LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = d.post_no >> 10
  WHERE coalesce(get_bit(v.seen, (d.post_no & 1023)::integer), 0) = 0
    AND NOT jsonb_exists(search.served, d.post_id::text)
  LIMIT max_rows;
  GET DIAGNOSTICS v_found = ROW_COUNT;
  IF v_found < max_rows THEN
    RETURN QUERY SELECT s.* FROM vroom_private.walk_tag_strides(search, tag, v_found, max_rows) AS s;
  END IF;
END
$$;

-- Return how much a liked tag counts among the liked tags: the square of its liking. What stood beside a loved tag or
-- word in a few posts is liked a little for their sake, and would take most of the turns otherwise.
CREATE OR REPLACE FUNCTION vroom_private.weight_of_tag(search vroom_private.search, tag text) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (search.tag_taste -> tag)::double precision ^ 2;

-- Propose unseen posts of a liked tag. Of the posts that all tags together may propose, and of their turns, the tag has
-- the share that its weight has of `whole`, the sum of their weights.
CREATE OR REPLACE FUNCTION vroom_private.walk_liked_tag(
  search vroom_private.search, tag text, whole double precision, walk integer
) RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_share double precision := vroom_private.weight_of_tag(search, walk_liked_tag.tag) / whole;
BEGIN
  RETURN QUERY
  SELECT n.post_id, n.source, n.reason, ceil(n.place / v_share)::bigint
  FROM vroom_private.walk_tag(
    search, walk_liked_tag.tag, greatest(walk / 64, least(walk / 8, (walk / 4 * v_share)::integer))) AS n;
END
$$;

-- Propose unseen posts of the eight tags that the viewer likes most and that have any. A tag that is liked more gives
-- more posts, and gives them earlier.
CREATE OR REPLACE FUNCTION vroom_private.walk_liked_tags(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_most   integer := least(8, cardinality(search.liked_tags));
  v_whole  double precision := (
    SELECT sum(vroom_private.weight_of_tag(search, g.tag)) FROM unnest(search.liked_tags[1:v_most]) AS g(tag));
  v_tag    text;
  v_tags   text[] := '{}';
  v_of_tag vroom_private.proposed_post[];
  v_found  vroom_private.proposed_post[] := '{}';
BEGIN
  FOREACH v_tag IN ARRAY coalesce(search.liked_tags, '{}') LOOP
    v_of_tag := ARRAY(SELECT n FROM vroom_private.walk_liked_tag(search, v_tag, v_whole, walk) AS n);
    IF cardinality(v_of_tag) > 0 THEN
      v_tags := v_tags || v_tag;
      v_found := v_found || v_of_tag;
    END IF;
    EXIT WHEN cardinality(v_tags) = v_most;
  END LOOP;
  IF cardinality(v_tags) BETWEEN 1 AND v_most - 1 THEN  -- the others have no posts any more
    v_whole := (SELECT sum(vroom_private.weight_of_tag(search, g.tag)) FROM unnest(v_tags) AS g(tag));
    v_found := ARRAY(
      SELECT n FROM unnest(v_tags) AS g(tag)
      CROSS JOIN LATERAL vroom_private.walk_liked_tag(search, g.tag, v_whole, walk) AS n);
  END IF;
  RETURN QUERY SELECT f.* FROM unnest(v_found) AS f;
END
$$;

COMMIT;
