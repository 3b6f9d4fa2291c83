BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Keep the fresh posts that the walks missed, exactly, until `want` fresh posts are kept. They are found by the
-- bits of the blocks that hold posts of the fresh window.
CREATE OR REPLACE FUNCTION vroom_private.keep_fresh(INOUT search vroom_private.search, want integer)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_all    bigint := 2 ^ 40;  -- a variable, so that the plan expects few rows and reads an index in its order
  v_block  record;
  v_before integer;
  v_fresh  integer := (
    SELECT count(*) FROM unnest(search.kept) AS k WHERE k.published_at > search.fresh_from);
BEGIN
  IF v_fresh >= want THEN
    RETURN;
  END IF;
  FOR v_block IN
    SELECT b.block_no, b.unseen FROM vroom_private.unseen_blocks(search.viewer, search.fresh_from) AS b
    ORDER BY b.newest_published_at DESC, b.block_no DESC LIMIT v_all  -- in the order of post_blocks_newest
  LOOP
    v_before := cardinality(search.kept);
    search := vroom_private.keep_unseen(
      search,
      ARRAY(
        SELECT (p.post_id, 'new', NULL, NULL)::vroom_private.proposed_post
        FROM vroom_private.posts_of_bits(v_block.block_no, v_block.unseen) AS p
        WHERE p.published_at > search.fresh_from
        ORDER BY p.published_at DESC
      ),
      want - v_fresh);
    v_fresh := v_fresh + cardinality(search.kept) - v_before;
    EXIT WHEN v_fresh >= want;
  END LOOP;
END
$$;

COMMIT;
