BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose the newest of the posts that too few viewers have been shown to judge them.
CREATE OR REPLACE FUNCTION vroom_private.walk_unproven(max_rows integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT s.post_id, 'unproven'::text, NULL::text, NULL::bigint
  FROM post_stats s
  WHERE s.eligible AND s.unproven
  ORDER BY s.published_at - timestamptz '2020-01-01 00:00:00+00' DESC, s.post_id  -- as in post_stats_unproven
  LIMIT max_rows;
END
$$;

COMMIT;
