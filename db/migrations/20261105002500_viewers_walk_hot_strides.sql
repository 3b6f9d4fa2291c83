BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose posts further down the hot order, for a viewer who has seen its top. The walk takes 40 posts at each of
-- 14 distances from the top, and the distances double.
CREATE OR REPLACE FUNCTION vroom_private.walk_hot_strides()
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_top   double precision := (SELECT max(s.hot_step) FROM post_stats s WHERE s.eligible);  -- 8 steps a half-life
  v_rows  integer := 40;  -- a variable, as in walk_followed
BEGIN
  RETURN QUERY
  SELECT s.post_id, 'hot'::text, NULL::text, NULL::bigint
  FROM generate_series(0, 13) AS stride
  CROSS JOIN LATERAL (
    SELECT p.post_id FROM post_stats p
    WHERE p.eligible AND p.hot_step < v_top - 2 * 2 ^ stride
    ORDER BY p.hot_step DESC LIMIT v_rows
  ) s
  GROUP BY s.post_id  -- strides overlap where the posts' scores lie apart
  ORDER BY min(stride), s.post_id;
END
$$;

COMMIT;
