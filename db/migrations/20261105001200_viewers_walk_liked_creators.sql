BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose the newest unseen posts of the creators whom the viewer likes most, and name the seen posts that come
-- before them.
CREATE OR REPLACE FUNCTION vroom_private.walk_liked_creators(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT n.post_id, 'creator'::text, n.reason, n.unseen
  FROM unnest(search.liked_creators) AS liked(creator_id)
  CROSS JOIN LATERAL (
    SELECT judged.post_id, judged.reason,
           count(*) FILTER (WHERE judged.reason IS NULL)
             OVER (ORDER BY judged.published_at DESC, judged.post_id ROWS UNBOUNDED PRECEDING) AS unseen
    FROM (
      SELECT newest.post_id, newest.published_at, seen.reason
      FROM (
        SELECT p.post_id, p.published_at FROM post_stats p
        WHERE p.creator_id = liked.creator_id AND p.eligible
        ORDER BY p.published_at DESC LIMIT walk / 40
      ) newest
      CROSS JOIN LATERAL vroom_private.was_seen(
        search.viewer, search.cutoff, search.served, newest.post_id) AS seen
      ORDER BY newest.published_at DESC, newest.post_id OFFSET 0  -- each reason is computed once
    ) judged
  ) n
  WHERE n.unseen <= walk / 80;  -- the window stops here
END
$$;

COMMIT;
