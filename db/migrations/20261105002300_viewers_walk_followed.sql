BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Return the creators whom the viewer follows and has not hidden, those with the newest post first. Creators
-- without a post after published_after are left out.
CREATE OR REPLACE FUNCTION vroom_private.followed_creators(
  search vroom_private.search, published_after timestamptz
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(c.creator_id ORDER BY c.last_published_at DESC), '{}')
    FROM (
      SELECT q.creator_id, q.last_published_at
      FROM follows f
      JOIN creator_quality q ON q.creator_id = f.creator_id
      WHERE f.follower_id = search.viewer AND q.last_published_at > published_after
      OFFSET 0  -- the followed creators are found first, and each is judged once
    ) c
    CROSS JOIN LATERAL vroom_private.is_hidden(search.viewer, search.hidden, c.creator_id) AS hidden
    WHERE hidden.reason IS NULL
  );
END
$$;

-- Propose the newest unseen posts of creators, `each` of each, and name the seen posts that come before them.
-- Posts that were kept before are left out.
CREATE OR REPLACE FUNCTION vroom_private.walk_followed(
  search vroom_private.search, creators uuid[], published_after timestamptz, each integer, max_rows integer
) RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_deep integer := 40;  -- a variable, so that the plan expects few rows and reads the index in its order
BEGIN
  RETURN QUERY
  SELECT u.post_id, 'followed'::text, u.reason, NULL::bigint
  FROM unnest(creators) AS followed(creator_id)
  CROSS JOIN LATERAL (
    SELECT judged.*,
           count(*) FILTER (WHERE judged.reason IS NULL)
             OVER (ORDER BY judged.published_at DESC ROWS UNBOUNDED PRECEDING) AS unseen
    FROM (
      SELECT newest.post_id, newest.published_at, seen.reason
      FROM (
        SELECT p.post_id, p.published_at FROM post_stats p
        WHERE p.creator_id = followed.creator_id AND p.eligible AND p.published_at > published_after
        ORDER BY p.published_at DESC LIMIT v_deep
      ) newest
      CROSS JOIN LATERAL vroom_private.was_seen(
        search.viewer, search.cutoff, search.served, newest.post_id) AS seen
      WHERE newest.post_id NOT IN (SELECT k.post_id FROM unnest(search.kept) AS k)
      ORDER BY newest.published_at DESC OFFSET 0  -- each reason is computed once
    ) judged
  ) u
  WHERE u.unseen <= each  -- the window stops here
  ORDER BY u.published_at DESC LIMIT max_rows;
END
$$;

-- Propose posts of creators by bits, up to max_rows of the newest that have no impression of the viewer. This
-- finds what walk_followed misses, because that walk looks at few creators and at few posts of each. At most
-- `depth` posts are looked at.
CREATE OR REPLACE FUNCTION vroom_private.walk_followed_by_bits(
  search vroom_private.search, creators uuid[], depth integer, max_rows integer
) RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT d.post_id, 'followed'::text, NULL::text, NULL::bigint
  FROM (
    SELECT s.post_id, s.post_no, s.published_at
    FROM unnest(creators) AS followed(creator_id)
    CROSS JOIN LATERAL (
      SELECT p.post_id, p.post_no, p.published_at FROM post_stats p
      WHERE p.creator_id = followed.creator_id AND p.eligible
      ORDER BY p.published_at DESC
    ) s
    LIMIT depth
  ) d
  LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = d.post_no >> 10
  CROSS JOIN LATERAL vroom_private.is_refused(search.viewer, search.refused, d.post_id) AS refused
  WHERE coalesce(get_bit(v.seen, (d.post_no & 1023)::integer), 0) = 0
    AND refused.reason IS NULL
    AND NOT jsonb_exists(search.served, d.post_id::text)
    AND d.post_id NOT IN (SELECT k.post_id FROM unnest(search.kept) AS k)
    AND d.post_id NOT IN (SELECT f.post_id FROM unnest(search.filtered) AS f)
  ORDER BY d.published_at DESC LIMIT max_rows;
END
$$;

COMMIT;
