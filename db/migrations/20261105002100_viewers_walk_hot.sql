BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose the hottest posts. The index knows the hot score in steps. Within the last step that is read, the order of
-- the ids decides which posts are among them.
CREATE OR REPLACE FUNCTION vroom_private.walk_hot(max_rows integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT s.post_id, 'hot'::text, NULL::text, NULL::bigint
  FROM (
    SELECT p.post_id, p.hot_score FROM post_stats p WHERE p.eligible
    ORDER BY p.hot_step DESC, p.post_id LIMIT max_rows
  ) s
  ORDER BY s.hot_score DESC, s.post_id;
END
$$;

COMMIT;
