BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- The functions in this file make a chronological feed: the newest unseen posts and no others, exactly.

-- Return the max_rows newest posts of those kept, and when the oldest of them was published. That time is null
-- where there are fewer posts.
CREATE OR REPLACE FUNCTION vroom_private.newest_of(
  INOUT kept vroom_private.found_post[], max_rows integer, OUT oldest timestamptz
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  SELECT coalesce(array_agg(n ORDER BY n.published_at DESC, n.post_id), '{}'),
         CASE WHEN count(*) >= max_rows THEN min(n.published_at) END
  INTO kept, oldest
  FROM (
    SELECT k.* FROM unnest(newest_of.kept) AS k
    ORDER BY k.published_at DESC, k.post_id LIMIT max_rows
  ) AS n;
END
$$;

-- Keep posts that the viewer saw before the cooldown, the latest first, as long as such a post can be among the
-- `want` newest. The search ends when no other post can be newer than those kept, because no post is seen before
-- it is published.
CREATE OR REPLACE FUNCTION vroom_private.keep_newest_expired(
  INOUT search vroom_private.search, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_proposed vroom_private.proposed_post[];
  v_oldest   timestamptz;
  v_until    timestamptz := search.cutoff + interval '1 microsecond';
BEGIN
  LOOP
    SELECT array_agg((i.post_id, 'new', NULL, NULL)::vroom_private.proposed_post ORDER BY i.seen_at DESC),
           min(i.seen_at)
    INTO v_proposed, v_until
    FROM (
      SELECT e.post_id, e.seen_at FROM viewer_last_seen e
      WHERE e.user_id = search.viewer AND e.seen_at < v_until
      ORDER BY e.seen_at DESC
      FETCH FIRST (walk) ROWS WITH TIES
    ) i;
    EXIT WHEN v_proposed IS NULL;
    search := vroom_private.keep_unseen(search, v_proposed, cardinality(v_proposed));
    SELECT n.kept, n.oldest INTO search.kept, v_oldest FROM vroom_private.newest_of(search.kept, want) n;
    EXIT WHEN v_until < v_oldest;
  END LOOP;
END
$$;

-- Keep the `want` newest unseen posts. The walk first takes the newest posts in strides. For a viewer who has seen
-- all of those, it then takes posts that the viewer saw before the cooldown. Last it goes block by block, the one
-- with the newest post first.
CREATE OR REPLACE FUNCTION vroom_private.walk_newest(
  INOUT search vroom_private.search, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_proposed vroom_private.proposed_post[];
  v_oldest   timestamptz;  -- when the oldest post kept was published, once there are enough; null before
  v_all      bigint := 2 ^ 40;  -- a variable, as in keep_fresh
  v_block    record;
BEGIN
  FOR stride IN 0..3 LOOP
    v_proposed := ARRAY(SELECT w FROM vroom_private.walk_new(walk, stride * walk) AS w);
    search := vroom_private.keep_unseen(search, v_proposed, want - cardinality(search.kept));
    search.complete := cardinality(v_proposed) < walk AND cardinality(search.kept) < want;
    IF search.complete OR cardinality(search.kept) >= want OR cardinality(v_proposed) < walk THEN
      RETURN;
    END IF;
  END LOOP;

  search := vroom_private.keep_newest_expired(search, want, walk);
  SELECT n.oldest INTO v_oldest FROM vroom_private.newest_of(search.kept, want) n;
  FOR v_block IN
    SELECT b.* FROM vroom_private.unseen_blocks(search.viewer, '-infinity') AS b
    ORDER BY b.newest_published_at DESC, b.block_no DESC LIMIT v_all
  LOOP
    EXIT WHEN v_block.newest_published_at < v_oldest;
    search := vroom_private.keep_unseen(
      search,
      ARRAY(
        SELECT (p.post_id, 'new', NULL, NULL)::vroom_private.proposed_post
        FROM vroom_private.posts_of_bits(v_block.block_no, v_block.unseen) AS p
      ),
      1024);
    SELECT n.kept, n.oldest INTO search.kept, v_oldest FROM vroom_private.newest_of(search.kept, want) n;
  END LOOP;
  search.complete := v_oldest IS NULL;
END
$$;

COMMIT;
