BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Propose what other viewers watched to the end after the five posts that this viewer finished last.
CREATE OR REPLACE FUNCTION vroom_private.walk_covisits(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT n.next_post_id, 'covisit'::text, NULL::text, n.place
  FROM (
    SELECT w.post_id FROM viewer_watches w
    WHERE w.user_id = search.viewer AND w.finished_at IS NOT NULL
    ORDER BY w.finished_at DESC LIMIT 5
  ) finished
  CROSS JOIN LATERAL (
    SELECT c.next_post_id, row_number() OVER (ORDER BY c.score DESC) AS place
    FROM post_covisits c WHERE c.post_id = finished.post_id
    ORDER BY c.score DESC LIMIT walk / 50
  ) n;
END
$$;

COMMIT;
