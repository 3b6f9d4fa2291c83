BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Keep unseen posts that the viewer is likely to like. Keep beside them posts that are being watched now, and
-- posts that too few viewers have been shown to judge them.
--
-- The walks by taste take turns, the best post of each first, so that none crowds out another. A post that several
-- walks propose belongs to the first of them.
CREATE OR REPLACE FUNCTION vroom_private.walk_tastes(
  INOUT search vroom_private.search, want integer, walk integer, context text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_proposed vroom_private.proposed_post[];
BEGIN
  v_proposed := ARRAY(
    SELECT (turns.post_id, turns.source, turns.reason, turns.turn)::vroom_private.proposed_post
    FROM (
      SELECT once.*,
             count(*) FILTER (WHERE once.reason IS NULL)
               OVER (PARTITION BY once.walk_no ORDER BY once.place, once.post_id) AS turn
      FROM (
        SELECT DISTINCT ON (every.post_id) every.*
        FROM (
          SELECT 1 AS walk_no, w.* FROM vroom_private.walk_covisits(search, walk) AS w
          UNION ALL
          SELECT 2, w.* FROM vroom_private.walk_liked_creators(search, walk) AS w
          UNION ALL
          SELECT 3, w.* FROM vroom_private.walk_liked_tags(search, walk) AS w
          UNION ALL
          SELECT 4, w.* FROM vroom_private.walk_cohorts(search, walk, context) AS w
          UNION ALL
          SELECT 5, w.* FROM vroom_private.walk_interview(search, walk) AS w
        ) every
        ORDER BY every.post_id, every.walk_no, every.place
      ) once
    ) turns
    ORDER BY turns.turn, turns.walk_no, turns.post_id
  );
  IF cardinality(v_proposed) > 0 THEN
    search := vroom_private.keep_unseen(search, v_proposed, want * 3 / 4);
  END IF;
  v_proposed := ARRAY(SELECT w FROM vroom_private.walk_heat(walk / 8) AS w);
  IF cardinality(v_proposed) > 0 THEN
    search := vroom_private.keep_unseen(search, v_proposed, want / 2);
  END IF;
  search := vroom_private.keep_unseen(
    search, ARRAY(SELECT w FROM vroom_private.walk_unproven(walk / 8) AS w), greatest(want / 8, 12));
END
$$;

COMMIT;
