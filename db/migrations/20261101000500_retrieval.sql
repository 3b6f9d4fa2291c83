-- Retrieval: the one definition of what a viewer may be shown next. The feed function and the
-- operator's get_personalized_feed both read feed_candidates.
--
-- The work is bounded whatever the catalogue and the history: walks over ordered indexes look at a
-- fixed number of rows; what they cannot decide (is anything unseen left?) the blocks of
-- bits decide exactly, 1,024 posts a row.

-- Of `ids` (none twice), those the viewer has not seen and may be shown, in the given order, at most `most`.
-- Seen: an impression after `cutoff`, or served in the session. This is the only place that says so.
CREATE OR REPLACE FUNCTION vroom_private.keep_unseen(
  viewer uuid, ids uuid[], cutoff timestamptz, served uuid[], hidden uuid[], refused uuid[], most integer
) RETURNS uuid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
  SELECT coalesce(array_agg(kept.post_id), '{}')
  FROM (
    SELECT s.post_id
    FROM unnest(ids) WITH ORDINALITY AS given(post_id, ord)
    CROSS JOIN LATERAL (
      SELECT p.post_id, p.creator_id FROM post_stats p WHERE p.post_id = given.post_id AND p.eligible LIMIT 1
    ) s
    WHERE s.creator_id <> viewer
      AND s.creator_id NOT IN (SELECT unnest(hidden))
      AND s.post_id NOT IN (SELECT unnest(served))
      AND s.post_id NOT IN (SELECT unnest(refused))
      -- LIMIT keeps this a probe of the index, never a scan of the viewer's history
      AND (
        SELECT true FROM viewer_last_seen i
        WHERE i.user_id = viewer AND i.post_id = s.post_id AND i.seen_at > cutoff
        LIMIT 1
      ) IS NULL
    ORDER BY given.ord
    LIMIT greatest(most, 0)
  ) kept
$$;

-- The posts of a block whose bits are set, newest first.
CREATE OR REPLACE FUNCTION vroom_private.posts_of_bits(block bigint, bits bit) RETURNS uuid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT array_agg(s.post_id ORDER BY s.post_no DESC)
  FROM post_stats s
  WHERE s.post_no = ANY (
    ARRAY(SELECT (block << 10) + n FROM generate_series(0, 1023) AS n WHERE get_bit(bits, n) = 1)
  )
$$;

-- `first` and what `second` adds to it, in order.
CREATE OR REPLACE FUNCTION vroom_private.merge(first uuid[], second uuid[]) RETURNS uuid[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT first || ARRAY(
    SELECT s.id FROM unnest(second) WITH ORDINALITY AS s(id, ord)
    WHERE s.id NOT IN (SELECT unnest(first)) ORDER BY s.ord
  )
$$;

-- Candidates for one viewer's next posts.
--
-- want       how many unseen candidates are enough (the queue's length)
-- page_size  how many posts must be found in all; below it, seen posts are added
-- session    posts served in it count as seen; served_ids adds what only the cache knows, with
--            served_at = page number * 64 + position as their order
--
-- Rows: unseen ones with rung fresh, following or trending; then, only where fewer than page_size are
-- unseen, rung `seen`: the longest ago first (seen_rank), those of earlier sessions before this one's.
-- inventory is the number of unseen rows; complete says that no other unseen post exists;
-- creator_served is how many of the creator's posts the session was served.
CREATE OR REPLACE FUNCTION public.feed_candidates(
  viewer       uuid,
  session      uuid,
  want         integer,
  page_size    integer,
  cooldown     interval    DEFAULT interval '30 days',
  fresh_window interval    DEFAULT interval '7 days',
  at           timestamptz DEFAULT now(),
  served_ids   uuid[]      DEFAULT '{}',
  served_order integer[]   DEFAULT '{}',
  walk         integer     DEFAULT 500
) RETURNS TABLE (
  post_id uuid, creator_id uuid, rung text, published_at timestamptz, duration_ms integer,
  hot_score double precision, impressions bigint, plays bigint, watch_ratio_sum double precision,
  likes bigint, comments bigint, shares bigint, followed boolean,
  creator_watch_ratio double precision, creator_like_rate double precision,
  creator_report_rate double precision, creator_samples bigint,
  creator_served integer, seen_rank integer, in_session boolean, inventory integer, complete boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
ROWS 200
AS $$
#variable_conflict use_column
DECLARE
  v_viewer     uuid := viewer;
  v_session    uuid := session;
  v_cutoff     timestamptz := at - cooldown;
  v_fresh_from timestamptz := at - fresh_window;
  v_hidden     uuid[];
  v_refused    uuid[];
  v_served     uuid[];
  v_served_at  integer[];
  v_walked     uuid[];
  v_kept       uuid[] := '{}';
  v_more       uuid[];
  v_fresh      integer;
  v_top        double precision;
  v_complete   boolean := false;
  v_all        boolean;
  v_block      record;
  v_from       timestamptz;
  v_share      integer := 2 * ceil(want / 2.0 / page_size);  -- at most 2 a page by one creator
  v_usable     integer;
  v_prolific   uuid[];
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);

  SELECT coalesce(array_agg(f.creator_id) FILTER (WHERE f.action = 'hide_creator' AND f.creator_id IS NOT NULL), '{}'),
         coalesce(array_agg(f.post_id) FILTER (WHERE f.action = 'not_interested' AND f.post_id IS NOT NULL), '{}')
  INTO v_hidden, v_refused
  FROM feedback f
  WHERE f.user_id = v_viewer AND f.action IN ('hide_creator', 'not_interested') AND f.undone_at IS NULL;

  -- What this session was served, each post with its last place.
  SELECT coalesce(array_agg(s.id), '{}'), coalesce(array_agg(s.last_at), '{}')
  INTO v_served, v_served_at
  FROM (
    SELECT u.id, max(u.place) AS last_at
    FROM (
      SELECT p.id, f.page_no * 64 + p.ord::integer AS place
      FROM feed_pages f, unnest(f.post_ids) WITH ORDINALITY AS p(id, ord)
      WHERE f.user_id = v_viewer AND f.session_id = v_session
      UNION ALL
      SELECT g.id, g.place FROM unnest(served_ids, served_order) AS g(id, place)
    ) u
    GROUP BY u.id
  ) s;

  -- Walk 1: the hottest.
  v_walked := ARRAY(
    SELECT s.post_id FROM post_stats s WHERE s.eligible ORDER BY s.hot_score DESC, s.post_id LIMIT walk
  );
  v_all := cardinality(v_walked) < walk;  -- the walk has looked at every eligible post
  v_kept := vroom_private.keep_unseen(
    v_viewer, v_walked, v_cutoff, v_served, v_hidden, v_refused, CASE WHEN v_all THEN walk ELSE want END);
  v_complete := v_all;

  IF NOT v_all THEN
    -- Walk 2: the newest. Walk 3: the newest of those whom the viewer follows, lately active creators first.
    v_kept := vroom_private.merge(v_kept, vroom_private.keep_unseen(
      v_viewer,
      ARRAY(SELECT s.post_id FROM post_stats s WHERE s.eligible ORDER BY s.published_at DESC, s.post_id LIMIT walk / 2),
      v_cutoff, v_served, v_hidden, v_refused, want / 2));
    v_kept := vroom_private.merge(v_kept, vroom_private.keep_unseen(
      v_viewer,
      ARRAY(
        SELECT s.post_id
        FROM (
          SELECT c.creator_id
          FROM follows f JOIN creator_quality c ON c.creator_id = f.creator_id
          WHERE f.follower_id = v_viewer AND c.last_published_at IS NOT NULL
          ORDER BY c.last_published_at DESC
          LIMIT walk / 5
        ) lately
        CROSS JOIN LATERAL (
          SELECT n.post_id, n.published_at
          FROM (
            SELECT p.post_id, p.published_at FROM post_stats p
            WHERE p.creator_id = lately.creator_id AND p.eligible
            ORDER BY p.published_at DESC LIMIT 40
          ) n
          WHERE (
            SELECT true FROM viewer_last_seen i
            WHERE i.user_id = v_viewer AND i.post_id = n.post_id AND i.seen_at > v_cutoff
            LIMIT 1
          ) IS NULL
          ORDER BY n.published_at DESC LIMIT 8
        ) s
        ORDER BY s.published_at DESC LIMIT walk
      ),
      v_cutoff, v_served, v_hidden, v_refused, want / 2));

    -- Fresh ones that the walks missed, exactly: blocks that hold posts of the window.
    SELECT count(*) INTO v_fresh FROM post_stats s WHERE s.post_id = ANY (v_kept) AND s.published_at > v_fresh_from;
    IF v_fresh < want THEN
      FOR v_block IN
        SELECT b.block_no, b.eligible & ~coalesce(v.seen, 0::bit(1024)) AS unseen
        FROM post_blocks b
        LEFT JOIN viewer_seen v ON v.user_id = v_viewer AND v.block_no = b.block_no
        WHERE b.newest_published_at > v_fresh_from
          AND bit_count(b.eligible & ~coalesce(v.seen, 0::bit(1024))) > 0
        ORDER BY b.block_no DESC
      LOOP
        v_walked := ARRAY(
          SELECT s.post_id FROM post_stats s
          WHERE s.post_id = ANY (vroom_private.posts_of_bits(v_block.block_no, v_block.unseen))
            AND s.published_at > v_fresh_from
          ORDER BY s.published_at DESC
        );
        v_more := vroom_private.keep_unseen(
          v_viewer, v_walked, v_cutoff, v_served || v_kept, v_hidden, v_refused, want - v_fresh);
        v_kept := v_kept || v_more;
        v_fresh := v_fresh + cardinality(v_more);
        EXIT WHEN v_fresh >= want;
      END LOOP;
    END IF;

    -- The hot order below what the viewer has seen of its top: strides that double, 40 posts each.
    IF cardinality(v_kept) < want THEN
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
      v_kept := v_kept || vroom_private.keep_unseen(
        v_viewer, v_walked, v_cutoff, v_served || v_kept, v_hidden, v_refused, want - cardinality(v_kept));
    END IF;

    -- Everything unseen that is left, exactly. Reached by viewers who have seen nearly all.
    IF cardinality(v_kept) < want THEN
      -- Seen before the cooldown counts as unseen, though its bit is set until retention removes the row.
      v_from := '-infinity';
      LOOP
        SELECT array_agg(i.post_id ORDER BY i.seen_at), max(i.seen_at)
        INTO v_walked, v_from
        FROM (
          SELECT e.post_id, e.seen_at FROM viewer_last_seen e
          WHERE e.user_id = v_viewer AND e.seen_at > v_from AND e.seen_at <= v_cutoff
          ORDER BY e.seen_at
          FETCH FIRST (walk) ROWS WITH TIES
        ) i;
        EXIT WHEN v_walked IS NULL;
        v_kept := v_kept || vroom_private.keep_unseen(
          v_viewer, v_walked, v_cutoff, v_served || v_kept, v_hidden, v_refused, want - cardinality(v_kept));
        EXIT WHEN cardinality(v_kept) >= want;
      END LOOP;
      v_complete := cardinality(v_kept) < want;
      IF v_complete THEN
        FOR v_block IN
          SELECT b.block_no, b.eligible & ~coalesce(v.seen, 0::bit(1024)) AS unseen
          FROM post_blocks b
          LEFT JOIN viewer_seen v ON v.user_id = v_viewer AND v.block_no = b.block_no
          WHERE bit_count(b.eligible & ~coalesce(v.seen, 0::bit(1024))) > 0
          ORDER BY b.block_no DESC
        LOOP
          v_kept := v_kept || vroom_private.keep_unseen(
            v_viewer, vroom_private.posts_of_bits(v_block.block_no, v_block.unseen),
            v_cutoff, v_served || v_kept, v_hidden, v_refused, want - cardinality(v_kept));
          v_complete := cardinality(v_kept) < want;
          EXIT WHEN NOT v_complete;
        END LOOP;
      END IF;
    END IF;

    -- Where few creators hold all that was found, the hottest of others: pages want variety.
    SELECT sum(least(c.posts, v_share)), array_agg(c.creator_id) FILTER (WHERE c.posts >= v_share)
    INTO v_usable, v_prolific
    FROM (
      SELECT s.creator_id, count(*) AS posts FROM post_stats s WHERE s.post_id = ANY (v_kept) GROUP BY 1
    ) c;
    IF NOT v_complete AND v_usable < want / 2 AND v_prolific IS NOT NULL THEN
      v_walked := ARRAY(
        SELECT w.post_id
        FROM (
          SELECT s.post_id, s.creator_id FROM post_stats s
          WHERE s.eligible ORDER BY s.hot_score DESC, s.post_id LIMIT 20 * walk
        ) w
        WHERE w.creator_id NOT IN (SELECT unnest(v_prolific))
        LIMIT walk
      );
      v_kept := v_kept || vroom_private.keep_unseen(
        v_viewer, v_walked, v_cutoff, v_served || v_kept, v_hidden, v_refused, want);
    END IF;
  END IF;

  RETURN QUERY
  WITH seen AS MATERIALIZED (
    -- Only where a page cannot be filled with unseen posts.
    SELECT ranked.post_id, (row_number() OVER (ORDER BY ranked.in_session, ranked.place, ranked.post_id))::integer AS seen_rank,
           ranked.in_session
    FROM (
      (SELECT i.post_id, false AS in_session, extract(epoch FROM i.seen_at)::double precision AS place
       FROM viewer_last_seen i
       CROSS JOIN LATERAL (
         SELECT p.creator_id FROM post_stats p WHERE p.post_id = i.post_id AND p.eligible LIMIT 1
       ) s
       WHERE i.user_id = v_viewer AND i.seen_at > v_cutoff
         AND s.creator_id <> v_viewer
         AND s.creator_id NOT IN (SELECT unnest(v_hidden))
         AND i.post_id NOT IN (SELECT unnest(v_refused))
         AND i.post_id NOT IN (SELECT unnest(v_served))
       ORDER BY i.seen_at, i.post_id
       LIMIT page_size)
      UNION ALL
      (SELECT g.id, true, g.place
       FROM unnest(v_served, v_served_at) AS g(id, place)
       JOIN post_stats s ON s.post_id = g.id AND s.eligible
       WHERE s.creator_id <> v_viewer
         AND s.creator_id NOT IN (SELECT unnest(v_hidden))
         AND s.post_id NOT IN (SELECT unnest(v_refused))
       ORDER BY g.place
       LIMIT page_size)
    ) ranked
    WHERE cardinality(v_kept) < page_size
    LIMIT page_size
  ),
  chosen AS (
    SELECT k.id, NULL::integer AS seen_rank, false AS in_session FROM unnest(v_kept) AS k(id)
    UNION ALL
    SELECT seen.post_id, seen.seen_rank, seen.in_session FROM seen
  ),
  creators AS MATERIALIZED (
    SELECT s.creator_id, count(*)::integer AS served
    FROM post_stats s WHERE s.post_id = ANY (v_served) GROUP BY s.creator_id
  )
  SELECT s.post_id, s.creator_id,
         CASE WHEN c.seen_rank IS NOT NULL THEN 'seen'
              WHEN s.published_at > v_fresh_from THEN 'fresh'
              WHEN f.creator_id IS NOT NULL THEN 'following'
              ELSE 'trending' END,
         s.published_at, s.duration_ms, s.hot_score, s.impressions, s.plays, s.watch_ratio_sum,
         s.likes, s.comments, s.shares, f.creator_id IS NOT NULL,
         q.rolling_watch_ratio, q.rolling_like_rate, q.rolling_report_rate, q.samples,
         coalesce(h.served, 0), c.seen_rank, c.in_session, cardinality(v_kept), v_complete
  FROM chosen c
  CROSS JOIN LATERAL (SELECT * FROM post_stats p WHERE p.post_id = c.id AND p.eligible LIMIT 1) s
  LEFT JOIN LATERAL (SELECT * FROM creator_quality x WHERE x.creator_id = s.creator_id LIMIT 1) q ON true
  LEFT JOIN LATERAL (
    SELECT w.creator_id FROM follows w WHERE w.follower_id = v_viewer AND w.creator_id = s.creator_id LIMIT 1
  ) f ON true
  LEFT JOIN creators h ON h.creator_id = s.creator_id;
END
$$;

-- The feed as an operator asks for it (and explains it): the ladder over the same candidates, in order of
-- rung and hot score, without the ranking that the feed function adds.
--
-- page_after is the last post of the page before; null asks for the first page. Beyond the last candidate
-- the order starts again at its top, since a feed does not end.
CREATE OR REPLACE FUNCTION public.get_personalized_feed(user_id uuid, page_size integer, page_after uuid)
RETURNS TABLE (
  feed_position integer, post_id uuid, creator_id uuid, source text, is_repeat boolean,
  published_at timestamptz, hot_score double precision
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
ROWS 12
AS $$
#variable_conflict use_column
DECLARE
  v_user  uuid := get_personalized_feed.user_id;
  v_size  integer := get_personalized_feed.page_size;
  v_after uuid := get_personalized_feed.page_after;
BEGIN
  IF v_size IS NULL OR v_size NOT BETWEEN 1 AND 50 THEN
    RAISE EXCEPTION 'page_size must be between 1 and 50' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY
  WITH ladder AS (
    SELECT c.*, row_number() OVER (
      ORDER BY array_position(ARRAY['fresh', 'following', 'trending', 'seen'], c.rung),
               c.seen_rank, c.hot_score DESC, c.post_id
    ) AS place
    FROM feed_candidates(v_user, NULL, greatest(200, v_size), v_size) c
  ),
  start AS (SELECT coalesce((SELECT l.place FROM ladder l WHERE l.post_id = v_after), 0) AS place),
  page AS (
    SELECT l.*, (row_number() OVER (ORDER BY l.place <= start.place, l.place) - 1)::integer AS position
    FROM ladder l, start
  )
  SELECT p.position, p.post_id, p.creator_id,
         CASE WHEN p.rung <> 'seen' THEN p.rung
              WHEN p.position >= 6
                AND count(*) FILTER (WHERE p.rung = 'seen' AND p.position >= 6)
                    OVER (ORDER BY p.position) <= 2 THEN 'repeat'
              ELSE 'recycled' END,
         p.rung = 'seen', p.published_at, p.hot_score
  FROM page p
  WHERE p.position < v_size
  ORDER BY p.position;
END
$$;
