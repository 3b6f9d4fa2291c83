BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Keeps unseen posts that are hot, new, or by creators whom the viewer follows; every fresh one, and every
-- one at all, where they are fewer than wanted.
CREATE OR REPLACE FUNCTION vroom_private.walk_ladder(
  INOUT search vroom_private.search, want integer, page_size integer, fresh_from timestamptz, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_walked   uuid[];
  v_before   integer;
  v_fresh    integer;
  v_top      double precision;
  v_block    record;
  v_length   integer := ceil(want * 2 / 3.0);  -- what the ranking takes; the others are for discovery
  v_share    integer := 2 * ceil(v_length::numeric / page_size);  -- at most 2 a page by one creator
  v_floor    timestamptz;
  v_upper    integer;  -- how many posts found are of the first two rungs
  v_usable   integer;
  v_prolific uuid[];
  v_lately   uuid[];
  -- Variables, so that the plans expect few rows and take them from the index in order.
  v_deep     integer := 40;
  v_each     integer;
BEGIN
  -- Walk 1: the hottest.
  v_walked := ARRAY(
    SELECT s.post_id FROM post_stats s WHERE s.eligible ORDER BY s.hot_score DESC, s.post_id LIMIT walk
  );
  search.complete := cardinality(v_walked) < walk;  -- the walk has looked at every eligible post
  search := vroom_private.keep_unseen(
    search, '{hot}', v_walked,
    CASE WHEN search.complete THEN walk ELSE greatest(want / 2, want - cardinality(search.kept)) END);
  IF search.complete THEN
    RETURN;
  END IF;

  -- Walk 2: the newest.
  v_walked := ARRAY(
    SELECT s.post_id FROM post_stats s WHERE s.eligible ORDER BY s.published_at DESC, s.post_id LIMIT walk / 2
  );
  SELECT count(*) INTO v_fresh FROM unnest(v_walked) AS w(id) WHERE w.id IN (SELECT unnest(search.kept));
  search := vroom_private.keep_unseen(search, '{new}', v_walked, v_length - v_fresh);

  -- Walk 3: the newest of those whom the viewer follows, lately active creators first. Where fresh posts
  -- alone fill the ranking, of enough creators, older ones are not reached.
  SELECT CASE WHEN sum(least(c.fresh, v_share)) >= v_length THEN fresh_from ELSE '-infinity' END
  INTO v_floor
  FROM (
    SELECT count(*) AS fresh FROM unnest(search.creators, search.published) AS k(creator_id, at)
    WHERE k.at > fresh_from GROUP BY k.creator_id
  ) c;
  v_lately := ARRAY(
    SELECT c.creator_id
    FROM follows f JOIN creator_quality c ON c.creator_id = f.creator_id
    WHERE f.follower_id = search.viewer AND c.last_published_at > v_floor
      AND f.creator_id NOT IN (SELECT unnest(search.hidden))
    ORDER BY c.last_published_at DESC
  );
  v_each := greatest(3, least(v_share, walk / 2 / greatest(least(cardinality(v_lately), walk / 5), 1)));
  search := vroom_private.keep_unseen(
    search, '{followed}',
    ARRAY(
      SELECT s.post_id
      FROM unnest(v_lately[1:walk / 5]) AS lately(creator_id)
      CROSS JOIN LATERAL (
        SELECT n.post_id, n.published_at
        FROM (
          SELECT p.post_id, p.published_at FROM post_stats p
          WHERE p.creator_id = lately.creator_id AND p.eligible AND p.published_at > v_floor
          ORDER BY p.published_at DESC LIMIT v_deep
        ) n
        WHERE (
          SELECT true FROM viewer_last_seen i
          WHERE i.user_id = search.viewer AND i.post_id = n.post_id AND i.seen_at > search.cutoff
          LIMIT 1
        ) IS NULL
          AND n.post_id NOT IN (SELECT unnest(search.served || search.kept))
        ORDER BY n.published_at DESC LIMIT v_each
      ) s
      ORDER BY s.published_at DESC LIMIT walk
    ),
    v_length);

  -- Fresh ones that the walks missed, exactly: blocks that hold posts of the window.
  SELECT count(*) INTO v_fresh FROM unnest(search.published) AS k(at) WHERE k.at > fresh_from;
  IF v_fresh < want THEN
    FOR v_block IN
      SELECT b.block_no, b.eligible & ~coalesce(v.seen, 0::bit(1024)) AS unseen
      FROM post_blocks b
      LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = b.block_no
      WHERE b.newest_published_at > fresh_from
        AND bit_count(b.eligible & ~coalesce(v.seen, 0::bit(1024))) > 0
      ORDER BY b.block_no DESC
    LOOP
      v_before := cardinality(search.kept);
      search := vroom_private.keep_unseen(
        search, '{new}',
        ARRAY(
          SELECT s.post_id FROM post_stats s
          WHERE s.post_id = ANY (vroom_private.posts_of_bits(v_block.block_no, v_block.unseen))
            AND s.published_at > fresh_from
          ORDER BY s.published_at DESC
        ),
        want - v_fresh);
      v_fresh := v_fresh + cardinality(search.kept) - v_before;
      EXIT WHEN v_fresh >= want;
    END LOOP;
  END IF;

  -- Followed creators' posts that walk 3 missed, by bits: it looks at few creators, and at few posts of each.
  SELECT count(*) INTO v_upper
  FROM unnest(search.creators, search.published) AS k(creator_id, at)
  WHERE k.at > fresh_from OR k.creator_id IN (SELECT unnest(v_lately));
  IF v_upper < v_length AND cardinality(v_lately) > 0 THEN
    search := vroom_private.keep_unseen(
      search, '{followed}',
      ARRAY(
        SELECT d.post_id
        FROM (
          SELECT s.post_id, s.post_no, s.published_at
          FROM unnest(v_lately) AS lately(creator_id)
          CROSS JOIN LATERAL (
            SELECT p.post_id, p.post_no, p.published_at FROM post_stats p
            WHERE p.creator_id = lately.creator_id AND p.eligible
            ORDER BY p.published_at DESC
          ) s
          LIMIT 20 * walk
        ) d
        LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = d.post_no >> 10
        WHERE coalesce(get_bit(v.seen, (d.post_no & 1023)::integer), 0) = 0
          AND d.post_id NOT IN (SELECT unnest(search.served || search.refused || search.kept || search.dropped))
        ORDER BY d.published_at DESC LIMIT want
      ),
      v_length - v_upper);
  END IF;

  -- The hot order below what the viewer has seen of its top: strides that double, 40 posts each.
  IF cardinality(search.kept) < want THEN
    SELECT max(s.hot_score) INTO v_top FROM post_stats s WHERE s.eligible;
    v_walked := ARRAY(
      SELECT s.post_id
      FROM generate_series(0, 13) AS stride
      CROSS JOIN LATERAL (
        SELECT p.post_id FROM post_stats p
        WHERE p.eligible AND p.hot_score < v_top - 0.25 * 2 ^ stride
        ORDER BY p.hot_score DESC LIMIT 40
      ) s
      GROUP BY s.post_id  -- strides overlap where posts lie apart
      ORDER BY min(stride), s.post_id
    );
    search := vroom_private.keep_unseen(search, '{hot}', v_walked, want - cardinality(search.kept));
  END IF;

  -- Everything unseen that is left, exactly. Reached by viewers who have seen nearly all.
  IF cardinality(search.kept) < want THEN
    search := vroom_private.keep_expired(search, want, walk);
  END IF;
  IF cardinality(search.kept) < want THEN
    search.complete := true;
    FOR v_block IN
      SELECT b.block_no, b.eligible & ~coalesce(v.seen, 0::bit(1024)) AS unseen
      FROM post_blocks b
      LEFT JOIN viewer_seen v ON v.user_id = search.viewer AND v.block_no = b.block_no
      WHERE bit_count(b.eligible & ~coalesce(v.seen, 0::bit(1024))) > 0
      ORDER BY b.block_no DESC
    LOOP
      search := vroom_private.keep_unseen(
        search, '{rest}', vroom_private.posts_of_bits(v_block.block_no, v_block.unseen),
        want - cardinality(search.kept));
      search.complete := cardinality(search.kept) < want;
      EXIT WHEN NOT search.complete;
    END LOOP;
  END IF;

  -- Where few creators hold all that was found, the hottest of others: pages want variety.
  SELECT sum(least(c.posts, v_share)), array_agg(c.creator_id) FILTER (WHERE c.posts >= v_share)
  INTO v_usable, v_prolific
  FROM (SELECT k.creator_id, count(*) AS posts FROM unnest(search.creators) AS k(creator_id) GROUP BY 1) c;
  IF NOT search.complete AND v_usable < v_length AND v_prolific IS NOT NULL THEN
    v_walked := ARRAY(
      SELECT w.post_id
      FROM (
        SELECT s.post_id, s.creator_id FROM post_stats s
        WHERE s.eligible ORDER BY s.hot_score DESC, s.post_id LIMIT 20 * walk
      ) w
      WHERE w.creator_id NOT IN (SELECT unnest(v_prolific))
      LIMIT walk
    );
    search := vroom_private.keep_unseen(search, '{varied}', v_walked, want);
  END IF;
END
$$;

-- Keeps what the viewer saw before the cooldown, the longest ago first, until `want` posts are kept: it
-- counts as unseen, though its bit is set until retention removes the row.
CREATE OR REPLACE FUNCTION vroom_private.keep_expired(
  INOUT search vroom_private.search, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_from   timestamptz := '-infinity';
  v_walked uuid[];
BEGIN
  LOOP
    SELECT array_agg(i.post_id ORDER BY i.seen_at), max(i.seen_at)
    INTO v_walked, v_from
    FROM (
      SELECT e.post_id, e.seen_at FROM viewer_last_seen e
      WHERE e.user_id = search.viewer AND e.seen_at > v_from AND e.seen_at <= search.cutoff
      ORDER BY e.seen_at
      FETCH FIRST (walk) ROWS WITH TIES
    ) i;
    EXIT WHEN v_walked IS NULL;
    search := vroom_private.keep_unseen(search, '{rest}', v_walked, want - cardinality(search.kept));
    EXIT WHEN cardinality(search.kept) >= want;
  END LOOP;
END
$$;

COMMIT;
