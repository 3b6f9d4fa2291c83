BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose the posts that are being watched now: the hottest by minutes, by the hour and by hours, in turns.
CREATE OR REPLACE FUNCTION vroom_private.walk_heat(max_rows integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT u.post_id, 'heat'::text, NULL::text, min(u.place)
  FROM (
    (SELECT h.post_id, row_number() OVER (ORDER BY h.heat[1] DESC) AS place FROM post_heat h
     ORDER BY h.heat[1] DESC LIMIT max_rows)
    UNION ALL
    (SELECT h.post_id, row_number() OVER (ORDER BY h.heat[2] DESC) FROM post_heat h
     ORDER BY h.heat[2] DESC LIMIT max_rows)
    UNION ALL
    (SELECT h.post_id, row_number() OVER (ORDER BY h.heat[3] DESC) FROM post_heat h
     ORDER BY h.heat[3] DESC LIMIT max_rows)
  ) u
  GROUP BY u.post_id ORDER BY min(u.place), u.post_id;
END
$$;

COMMIT;
