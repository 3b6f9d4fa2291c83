BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file closes what row level security does not cover. A platform's default privileges may have given its
-- roles TRUNCATE on every table, which empties the table whatever its policies say, and the right to move every
-- sequence.

-- Take such rights on the feed's own tables from every role but their owner. Tables that an application had
-- before the feed came keep theirs.
CREATE OR REPLACE FUNCTION vroom_private.close_beyond_policies(names text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_rights text := 'TRUNCATE, REFERENCES, TRIGGER';
  v_grant  record;
BEGIN
  IF current_setting('server_version_num')::integer >= 170000 THEN
    v_rights := v_rights || ', MAINTAIN';
  END IF;
  FOR v_grant IN
    WITH tables AS (
      SELECT c.oid, c.relowner, c.relacl
      FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (names)
        AND NOT EXISTS (SELECT FROM vroom_private.adopted_tables a WHERE a.name = 'public.' || c.relname)
    ),
    relations AS (
      SELECT t.oid, t.relowner, t.relacl, v_rights AS rights, 'TABLE' AS kind FROM tables t
      UNION ALL
      SELECT s.oid, s.relowner, s.relacl, 'ALL', 'SEQUENCE'
      FROM tables t
      JOIN pg_depend d ON d.refobjid = t.oid AND d.deptype IN ('a', 'i')
      JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    )
    SELECT DISTINCT r.kind, r.rights, r.oid::regclass AS relation,
           CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
    FROM relations r
    CROSS JOIN LATERAL aclexplode(r.relacl) AS a
    WHERE a.grantee <> r.relowner
  LOOP
    EXECUTE format(
      'REVOKE %s ON %s %s FROM %s', v_grant.rights, v_grant.kind, v_grant.relation, v_grant.grantee);
  END LOOP;
END
$$;
SELECT vroom_private.open_only_to('vroom_private.close_beyond_policies(text[])', NULL);

SELECT vroom_private.close_beyond_policies(ARRAY[
  'cohort_posts', 'creator_quality', 'engagement_queue', 'erasures', 'feature_flags', 'feed_pages', 'feed_requests',
  'feed_settings', 'feedback', 'follows', 'heat_mix', 'hot_scale', 'mux_assets', 'mux_events', 'mux_pace', 'mux_sweep',
  'post_blocks', 'post_covisits', 'post_heat', 'post_reviews', 'post_stats', 'post_tags', 'posts', 'upkeep_locks',
  'upkeep_places', 'uploads', 'user_interest_signals', 'user_post_impressions', 'viewer_allowance',
  'viewer_context', 'viewer_creator_affinity', 'viewer_last_seen', 'viewer_seen', 'viewer_tag_affinity',
  'viewer_watches', 'vroom_migrations', 'watch_events', 'watch_norms'
]);

COMMIT;
