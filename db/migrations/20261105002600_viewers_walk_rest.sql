BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Keep posts that the viewer saw before the cooldown, the longest ago first, until `want` posts are kept. Such a
-- post counts as unseen, although its bit is set until retention removes the impression.
CREATE OR REPLACE FUNCTION vroom_private.keep_expired(
  INOUT search vroom_private.search, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_from     timestamptz := '-infinity';
  v_proposed vroom_private.proposed_post[];
BEGIN
  WHILE cardinality(search.kept) < want LOOP
    SELECT array_agg((i.post_id, 'rest', NULL, NULL)::vroom_private.proposed_post ORDER BY i.seen_at),
           max(i.seen_at)
    INTO v_proposed, v_from
    FROM (
      SELECT e.post_id, e.seen_at FROM viewer_last_seen e
      WHERE e.user_id = search.viewer AND e.seen_at > v_from AND e.seen_at <= search.cutoff
      ORDER BY e.seen_at
      FETCH FIRST (walk) ROWS WITH TIES
    ) i;
    EXIT WHEN v_proposed IS NULL;
    search := vroom_private.keep_unseen(search, v_proposed, want - cardinality(search.kept));
  END LOOP;
END
$$;

-- Keep every unseen post that is left, exactly, until `want` posts are kept. This is for viewers who have seen
-- nearly all posts. The search is complete where fewer posts than wanted are found.
CREATE OR REPLACE FUNCTION vroom_private.keep_rest(
  INOUT search vroom_private.search, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_all   bigint := 2 ^ 40;  -- a variable, as in keep_fresh
  v_block record;
BEGIN
  search := vroom_private.keep_expired(search, want, walk);
  IF cardinality(search.kept) >= want THEN
    RETURN;
  END IF;
  FOR v_block IN
    SELECT b.block_no, b.unseen FROM vroom_private.unseen_blocks(search.viewer, '-infinity') AS b
    ORDER BY b.block_no DESC LIMIT v_all
  LOOP
    search := vroom_private.keep_unseen(
      search,
      ARRAY(
        SELECT (p.post_id, 'rest', NULL, NULL)::vroom_private.proposed_post
        FROM vroom_private.posts_of_bits(v_block.block_no, v_block.unseen) AS p
      ),
      want - cardinality(search.kept));
    EXIT WHEN cardinality(search.kept) >= want;
  END LOOP;
  search.complete := cardinality(search.kept) < want;
END
$$;

COMMIT;
