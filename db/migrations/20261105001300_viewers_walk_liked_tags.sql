BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

DO $$
BEGIN
  IF to_regtype('vroom_private.liked_tag') IS NULL THEN
    -- A tag that a viewer likes.
    CREATE TYPE vroom_private.liked_tag AS (
      tag      text,
      share    double precision,  -- its share of all that liked tags propose
      max_rows integer,           -- how many posts a step of the walk may propose of it
      deep     integer            -- how many of its posts below the hottest are proposed already
    );
  END IF;
END $$;

-- Return the eight tags that the viewer likes most and that have any posts. The share of a tag is the square of its
-- liking over the sum of these squares. What stood beside a loved tag or word in a few posts is liked a little for
-- their sake, and would take most of the turns otherwise.
CREATE OR REPLACE FUNCTION vroom_private.liked_tags_with_posts(search vroom_private.search, walk integer)
RETURNS vroom_private.liked_tag[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_tag  text;
  v_tags text[] := '{}';
BEGIN
  FOREACH v_tag IN ARRAY coalesce(search.liked_tags, '{}') LOOP
    -- The order keeps the planner from a scan of the table, which is long where the tag has no posts.
    IF (SELECT true FROM post_tags t WHERE t.tag = v_tag ORDER BY t.hot_score DESC LIMIT 1) THEN
      v_tags := v_tags || v_tag;
    END IF;
    EXIT WHEN cardinality(v_tags) = 8;
  END LOOP;
  RETURN ARRAY(
    SELECT (
      s.tag, s.share, greatest(walk / 64, least(walk / 8, (walk / 4 * s.share)::integer)), 0
    )::vroom_private.liked_tag
    FROM (
      SELECT w.tag, w.weight / sum(w.weight) OVER () AS share
      FROM (
        SELECT g.tag, (search.tag_taste -> g.tag)::double precision ^ 2 AS weight FROM unnest(v_tags) AS g(tag)
      ) w
    ) s
  );
END
$$;

-- Propose the hottest unseen posts of a tag, max_rows at most, and name the seen posts that come before them.
CREATE OR REPLACE FUNCTION vroom_private.walk_tag(search vroom_private.search, tag text, max_rows integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
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
END
$$;

-- Return the unseen posts of each tag among its hottest 4,000, below the 2 * max_rows that walk_tag looks at, in the
-- order of the tags. Bits tell which are unseen. They are read once for all tags. Without nested loops the planner can
-- only look them up by a hash of all of them, where it would search the list of them, or the index, for each post.
CREATE OR REPLACE FUNCTION vroom_private.unseen_in_tags(search vroom_private.search, tags vroom_private.liked_tag[])
RETURNS TABLE (liked vroom_private.liked_tag, post_ids uuid[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_nestloop = off
AS $$
BEGIN
  RETURN QUERY
  WITH bits AS MATERIALIZED (
    SELECT v.block_no, v.seen FROM viewer_seen v WHERE v.user_id = search.viewer
  )
  SELECT g, ARRAY(
    SELECT d.post_id
    FROM (
      SELECT t.post_id, t.hot_score, t.post_no FROM post_tags t
      WHERE t.tag = g.tag
      ORDER BY t.hot_score DESC, t.post_id OFFSET 2 * g.max_rows LIMIT 4000
    ) d
    LEFT JOIN bits b ON b.block_no = d.post_no >> 10
    WHERE coalesce(get_bit(b.seen, (d.post_no & 1023)::integer), 0) = 0
      AND NOT jsonb_exists(search.served, d.post_id::text)
    ORDER BY d.hot_score DESC, d.post_id
    LIMIT g.max_rows
  )
  FROM unnest(tags) AS g;
END
$$;

-- Return unseen posts of each tag from strides that double, below its hottest post, in the order of the tags.
CREATE OR REPLACE FUNCTION vroom_private.unseen_in_tag_strides(
  search vroom_private.search, tags vroom_private.liked_tag[]
) RETURNS TABLE (liked vroom_private.liked_tag, post_ids uuid[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT g.liked, ARRAY(
    SELECT p.post_id
    FROM generate_series(0, 13) AS s(stride)
    CROSS JOIN LATERAL (
      SELECT t.post_id, t.post_no FROM post_tags t
      WHERE t.tag = (g.liked).tag AND t.hot_score < g.top - 0.25 * 2 ^ s.stride
      ORDER BY t.hot_score DESC LIMIT 40
    ) p
    LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = p.post_no >> 10
    WHERE coalesce(get_bit(v.seen, (p.post_no & 1023)::integer), 0) = 0
    GROUP BY p.post_id
    ORDER BY min(s.stride), p.post_id
    LIMIT (g.liked).max_rows
  )
  FROM (
    SELECT u AS liked, (SELECT max(t.hot_score) FROM post_tags t WHERE t.tag = u.tag) AS top FROM unnest(tags) AS u
  ) g;
END
$$;

-- Return posts below a tag's hottest as proposals, after those that the tag has proposed there already.
CREATE OR REPLACE FUNCTION vroom_private.deep_posts(liked vroom_private.liked_tag, post_ids uuid[])
RETURNS SETOF vroom_private.proposed_post
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT p.post_id, 'tag'::text, NULL::text, ceil(((liked).deep + p.place) / (liked).share)::bigint
  FROM unnest(post_ids) WITH ORDINALITY AS p(post_id, place);
END;

-- Propose unseen posts of liked tags. A tag that is liked more gives more posts, and gives them earlier. Where the
-- viewer has seen most of a tag's top, posts below it follow, and then posts from strides. In this way a taste finds
-- posts for as long as the tag has any.
CREATE OR REPLACE FUNCTION vroom_private.walk_liked_tags(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_tag    vroom_private.liked_tag;
  v_deep   vroom_private.liked_tag[] := '{}';
  v_sparse vroom_private.liked_tag[] := '{}';
  v_unseen record;
  v_rows   bigint;
BEGIN
  FOREACH v_tag IN ARRAY vroom_private.liked_tags_with_posts(search, walk) LOOP
    RETURN QUERY
    SELECT n.post_id, n.source, n.reason, ceil(n.place / v_tag.share)::bigint
    FROM vroom_private.walk_tag(search, v_tag.tag, v_tag.max_rows) AS n;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    -- Where there are fewer rows than walk_tag looks at, enough were unseen, or the tag has no more.
    IF v_rows >= 2 * v_tag.max_rows THEN
      v_deep := v_deep || v_tag;
    END IF;
  END LOOP;
  IF cardinality(v_deep) = 0 THEN
    RETURN;
  END IF;
  FOR v_unseen IN SELECT u.* FROM vroom_private.unseen_in_tags(search, v_deep) AS u LOOP
    RETURN QUERY SELECT p.* FROM vroom_private.deep_posts(v_unseen.liked, v_unseen.post_ids) AS p;
    v_tag := v_unseen.liked;
    v_tag.deep := cardinality(v_unseen.post_ids);
    IF v_tag.deep < v_tag.max_rows THEN
      v_sparse := v_sparse || v_tag;
    END IF;
  END LOOP;
  IF cardinality(v_sparse) > 0 THEN
    RETURN QUERY
    SELECT p.* FROM vroom_private.unseen_in_tag_strides(search, v_sparse) AS u
    CROSS JOIN LATERAL vroom_private.deep_posts(u.liked, u.post_ids) AS p;
  END IF;
END
$$;

COMMIT;
