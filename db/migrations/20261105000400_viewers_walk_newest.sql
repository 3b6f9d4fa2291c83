BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Keeps the `want` newest unseen posts, exactly: the newest in strides; then, for a viewer who has seen
-- all of those, what they saw before the cooldown, the latest first, until no other can be newer, since
-- nothing is seen before it is published; and block by block, the one with the newest post first.
CREATE OR REPLACE FUNCTION vroom_private.walk_newest(
  INOUT search vroom_private.search, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_walked uuid[];
  v_oldest timestamptz;  -- of those kept, once there are enough; null before
  v_until  timestamptz := search.cutoff + interval '1 microsecond';
  v_block  record;
BEGIN
  FOR stride IN 0..3 LOOP
    v_walked := ARRAY(
      SELECT s.post_id FROM post_stats s WHERE s.eligible
      ORDER BY s.published_at DESC, s.post_id OFFSET stride * walk LIMIT walk
    );
    search := vroom_private.keep_unseen(search, '{new}', v_walked, want - cardinality(search.kept));
    search.complete := cardinality(v_walked) < walk AND cardinality(search.kept) < want;
    IF search.complete OR cardinality(search.kept) >= want OR cardinality(v_walked) < walk THEN
      RETURN;
    END IF;
  END LOOP;

  LOOP
    SELECT array_agg(i.post_id ORDER BY i.seen_at DESC), min(i.seen_at)
    INTO v_walked, v_until
    FROM (
      SELECT e.post_id, e.seen_at FROM viewer_last_seen e
      WHERE e.user_id = search.viewer AND e.seen_at < v_until
      ORDER BY e.seen_at DESC
      FETCH FIRST (walk) ROWS WITH TIES
    ) i;
    EXIT WHEN v_walked IS NULL;
    search := vroom_private.keep_unseen(search, '{new}', v_walked, cardinality(v_walked));
    SELECT n.kept, n.oldest INTO search.kept, v_oldest FROM vroom_private.newest_of(search.kept, want) n;
    EXIT WHEN v_until < v_oldest;
  END LOOP;
  FOR v_block IN
    SELECT b.block_no, b.eligible & ~coalesce(v.seen, 0::bit(1024)) AS unseen, b.newest_published_at
    FROM post_blocks b
    LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = b.block_no
    WHERE bit_count(b.eligible & ~coalesce(v.seen, 0::bit(1024))) > 0
    ORDER BY b.newest_published_at DESC, b.block_no DESC
  LOOP
    EXIT WHEN v_block.newest_published_at < v_oldest;
    search := vroom_private.keep_unseen(
      search, '{new}', vroom_private.posts_of_bits(v_block.block_no, v_block.unseen), 1024);
    SELECT n.kept, n.oldest INTO search.kept, v_oldest FROM vroom_private.newest_of(search.kept, want) n;
  END LOOP;
  search.complete := v_oldest IS NULL;
  search.origins := array_fill('new'::text, ARRAY[cardinality(search.kept)]);
END
$$;

-- The `most` newest of `ids`, and when the oldest of them was published; that is null where `ids` are fewer.
CREATE OR REPLACE FUNCTION vroom_private.newest_of(
  ids uuid[], most integer, OUT kept uuid[], OUT oldest timestamptz
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT coalesce(array_agg(n.post_id ORDER BY n.published_at DESC, n.post_id), '{}'),
         CASE WHEN count(*) >= most THEN min(n.published_at) END
  FROM (
    SELECT s.post_id, s.published_at FROM post_stats s
    WHERE s.post_id = ANY (ids)
    ORDER BY s.published_at DESC, s.post_id LIMIT most
  ) n
$$;

COMMIT;
