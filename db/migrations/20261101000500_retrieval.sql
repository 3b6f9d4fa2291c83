-- Retrieval: the one definition of what a viewer may be shown next. The feed function and the
-- operator's get_personalized_feed both read feed_candidates.
--
-- The work is bounded whatever the catalogue and the history: walks over ordered indexes look at a
-- fixed number of rows; what they cannot decide (is anything unseen left?) the blocks of
-- bits decide exactly, 1,024 posts a row.

-- What one call for candidates knows of the viewer, and what it has found so far.
DO $$
BEGIN
  IF to_regtype('vroom_private.search') IS NULL THEN
    CREATE TYPE vroom_private.search AS (
      viewer        uuid,
      cutoff        timestamptz,       -- an impression after it is in cooldown
      hidden        uuid[],            -- creators
      refused       uuid[],            -- posts
      served        uuid[],            -- what the session was served
      served_at     integer[],         -- each one's last place, page number * 64 + position
      creator_taste jsonb,             -- affinity by creator, decayed; null: none known
      tag_taste     jsonb,             -- affinity by tag, likewise
      liked_creators uuid[],           -- the ten most liked
      liked_tags    text[],            -- the eight most liked
      kept          uuid[],            -- unseen posts found
      creators      uuid[],            -- of each
      published     timestamptz[],     -- each one's time
      origins       text[],            -- the walk that found each
      dropped       uuid[],            -- posts looked at that may not be shown as unseen
      drops         text[],            -- why, for each
      complete      boolean            -- no unseen post exists but those kept
    );
  END IF;
END $$;

-- The state from which a search begins.
CREATE OR REPLACE FUNCTION vroom_private.begin_search(
  viewer uuid, session uuid, cutoff timestamptz, at timestamptz, served_ids uuid[], served_order integer[]
) RETURNS vroom_private.search
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  s vroom_private.search;
BEGIN
  s.viewer := viewer;
  s.cutoff := cutoff;
  s.kept := '{}';
  s.creators := '{}';
  s.published := '{}';
  s.origins := '{}';
  s.dropped := '{}';
  s.drops := '{}';
  s.complete := false;

  SELECT coalesce(array_agg(f.creator_id) FILTER (WHERE f.action = 'hide_creator' AND f.creator_id IS NOT NULL), '{}'),
         coalesce(array_agg(f.post_id) FILTER (WHERE f.action <> 'hide_creator' AND f.post_id IS NOT NULL), '{}')
  INTO s.hidden, s.refused
  FROM feedback f
  WHERE f.user_id = s.viewer AND f.undone_at IS NULL;

  -- What this session was served, each post with its last place.
  SELECT coalesce(array_agg(u.id), '{}'), coalesce(array_agg(u.last_at), '{}')
  INTO s.served, s.served_at
  FROM (
    SELECT g.id, max(g.place) AS last_at
    FROM (
      SELECT p.id, f.page_no * 64 + p.ord::integer AS place
      FROM feed_pages f, unnest(f.post_ids) WITH ORDINALITY AS p(id, ord)
      WHERE f.user_id = s.viewer AND f.session_id = session
      UNION ALL
      SELECT c.id, c.place FROM unnest(served_ids, served_order) AS c(id, place)
    ) g
    GROUP BY g.id
  ) u;

  SELECT jsonb_object_agg(a.creator_id, a.value),
         (array_agg(a.creator_id ORDER BY a.value DESC, a.creator_id) FILTER (WHERE a.value > 0))[1:10]
  INTO s.creator_taste, s.liked_creators
  FROM (
    SELECT c.creator_id, vroom_private.affinity_at(c.value, c.at, begin_search.at) AS value
    FROM viewer_creator_affinity c WHERE c.user_id = s.viewer
    OFFSET 0  -- decayed once
  ) a;
  SELECT jsonb_object_agg(a.tag, a.value),
         (array_agg(a.tag ORDER BY a.value DESC, a.tag) FILTER (WHERE a.value > 0))[1:8]
  INTO s.tag_taste, s.liked_tags
  FROM (
    SELECT t.tag, vroom_private.affinity_at(t.value, t.at, begin_search.at) AS value
    FROM viewer_tag_affinity t WHERE t.user_id = s.viewer
    OFFSET 0
  ) a;
  RETURN s;
END
$$;

-- Of `ids` (none twice), those that the viewer has not seen and may be shown, in the given order, at most
-- `most`, are kept; the others are dropped, each for the first reason that holds. What earlier walks have
-- decided is not looked at again. Seen: an impression after the cutoff, or served in the session. This is
-- the only place that says so. names[i], or names[1] for all, is the walk that ids[i] comes from.
CREATE OR REPLACE FUNCTION vroom_private.keep_unseen(
  INOUT search vroom_private.search, names text[], ids uuid[], most integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  found_ids   uuid[];
  found_by    uuid[];
  found_of    timestamptz[];
  found_names text[];
  lost        uuid[];
  reasons     text[];
BEGIN
  WITH looked AS MATERIALIZED (
    SELECT counted.id, counted.ord, counted.creator_id, counted.published_at, counted.reason
    FROM (
      SELECT judged.*,
             count(*) FILTER (WHERE judged.reason IS NULL)
               OVER (ORDER BY judged.ord ROWS UNBOUNDED PRECEDING) AS unseen
      FROM (
        SELECT given.id, given.ord, s.creator_id, s.published_at,
               CASE
                 WHEN s.creator_id IS NULL THEN 'ineligible'
                 WHEN s.creator_id = search.viewer THEN 'own'
                 WHEN s.creator_id IN (SELECT unnest(search.hidden)) THEN 'hidden'
                 WHEN given.id IN (SELECT unnest(search.refused)) THEN 'not_interested'
                 WHEN given.id IN (SELECT unnest(search.served)) THEN 'served'
                 -- LIMIT keeps this a probe of the index, never a scan of the viewer's history
                 WHEN (
                   SELECT true FROM viewer_last_seen i
                   WHERE i.user_id = search.viewer AND i.post_id = given.id AND i.seen_at > search.cutoff
                   LIMIT 1
                 ) THEN 'seen'
               END AS reason
        FROM unnest(ids) WITH ORDINALITY AS given(id, ord)
        LEFT JOIN LATERAL (
          SELECT p.creator_id, p.published_at FROM post_stats p WHERE p.post_id = given.id AND p.eligible LIMIT 1
        ) s ON true
        WHERE given.id NOT IN (SELECT unnest(search.kept))
          AND given.id NOT IN (SELECT unnest(search.dropped))
        ORDER BY given.ord OFFSET 0  -- no other order is sorted, and a reason is found once
      ) judged
    ) counted
    WHERE counted.unseen <= most  -- the window stops here: no further post is looked at
  )
  SELECT array_agg(l.id ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(l.creator_id ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(l.published_at ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(coalesce(names[l.ord], names[1]) ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(l.id ORDER BY l.ord) FILTER (WHERE l.reason IS NOT NULL),
         array_agg(l.reason ORDER BY l.ord) FILTER (WHERE l.reason IS NOT NULL)
  INTO found_ids, found_by, found_of, found_names, lost, reasons
  FROM looked l;
  search.kept := search.kept || found_ids;
  search.creators := search.creators || found_by;
  search.published := search.published || found_of;
  search.origins := search.origins || found_names;
  search.dropped := search.dropped || lost;
  search.drops := search.drops || reasons;
END
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

-- Keeps unseen posts that the viewer is likely to like: what others watched after the posts that they
-- finished last; the newest of the creators and the hottest of the tags that they like most; for a viewer
-- of whom little is known, what works on such a device at such a time (`context`, 'phone/evening'; null:
-- as of the viewer's last page). Beside them the newest of the posts that too few have seen to be judged.
CREATE OR REPLACE FUNCTION vroom_private.walk_tastes(
  INOUT search vroom_private.search, want integer, walk integer, context text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_cohorts text[] := '{}';
  v_ids     uuid[];
  v_names   text[];
BEGIN
  IF coalesce((SELECT u.samples FROM user_interest_signals u WHERE u.user_id = search.viewer), 0) < 20 THEN
    context := coalesce(
      context, (SELECT v.device || '/' || v.daypart FROM viewer_context v WHERE v.user_id = search.viewer));
    -- a cohort of unknown context, or of no tag, is null and finds nothing
    v_cohorts := ARRAY[context || '/' || search.liked_tags[1], context || '/'];
  END IF;

  -- Each walk's best first, then each one's second best: none crowds out another.
  SELECT array_agg(w.post_id ORDER BY w.place, w.walk_no, w.post_id),
         array_agg(w.name ORDER BY w.place, w.walk_no, w.post_id)
  INTO v_ids, v_names
  FROM (
    SELECT DISTINCT ON (u.post_id) u.post_id, u.walk_no, u.name, u.place
    FROM (
      SELECT 1 AS walk_no, 'covisit' AS name, n.next_post_id AS post_id, n.place
      FROM (
        SELECT w.post_id FROM viewer_watches w
        WHERE w.user_id = search.viewer AND w.finished_at IS NOT NULL
        ORDER BY w.finished_at DESC LIMIT 5
      ) finished
      CROSS JOIN LATERAL (
        SELECT c.next_post_id, row_number() OVER (ORDER BY c.score DESC) AS place
        FROM post_covisits c WHERE c.post_id = finished.post_id
        ORDER BY c.score DESC LIMIT walk / 50
      ) n
      UNION ALL
      SELECT 2, 'creator', n.post_id, n.place
      FROM unnest(search.liked_creators) AS liked(id)
      CROSS JOIN LATERAL (
        SELECT l.post_id, row_number() OVER (ORDER BY l.published_at DESC, l.post_id) AS place
        FROM (
          SELECT p.post_id, p.published_at FROM post_stats p
          WHERE p.creator_id = liked.id AND p.eligible
          ORDER BY p.published_at DESC LIMIT walk / 40
        ) l
        WHERE (
          SELECT true FROM viewer_last_seen i
          WHERE i.user_id = search.viewer AND i.post_id = l.post_id AND i.seen_at > search.cutoff
          LIMIT 1
        ) IS NULL
          AND l.post_id NOT IN (SELECT unnest(search.served))
        ORDER BY l.published_at DESC, l.post_id LIMIT walk / 80
      ) n
      UNION ALL
      SELECT 3, 'tag', n.post_id, n.place
      FROM unnest(search.liked_tags) AS liked(tag)
      CROSS JOIN LATERAL (
        SELECT l.post_id, row_number() OVER (ORDER BY l.hot_score DESC, l.post_id) AS place
        FROM (
          SELECT t.post_id, t.hot_score FROM post_tags t
          WHERE t.tag = liked.tag
          ORDER BY t.hot_score DESC, t.post_id LIMIT walk / 16
        ) l
        WHERE (
          SELECT true FROM viewer_last_seen i
          WHERE i.user_id = search.viewer AND i.post_id = l.post_id AND i.seen_at > search.cutoff
          LIMIT 1
        ) IS NULL
          AND l.post_id NOT IN (SELECT unnest(search.served))
        ORDER BY l.hot_score DESC, l.post_id LIMIT walk / 32
      ) n
      UNION ALL
      SELECT 4, 'cohort', n.post_id, n.place
      FROM unnest(v_cohorts) AS own(cohort)
      CROSS JOIN LATERAL (
        SELECT c.post_id, row_number() OVER (ORDER BY c.score DESC, c.post_id) AS place
        FROM cohort_posts c WHERE c.cohort = own.cohort
        ORDER BY c.score DESC, c.post_id LIMIT walk / 16
      ) n
    ) u
    ORDER BY u.post_id, u.walk_no, u.place
  ) w;
  IF v_ids IS NOT NULL THEN
    search := vroom_private.keep_unseen(search, v_names, v_ids, want / 2);
  END IF;

  search := vroom_private.keep_unseen(
    search, '{unproven}',
    ARRAY(
      SELECT s.post_id FROM post_stats s WHERE s.eligible AND s.impressions < 100
      ORDER BY s.published_at DESC, s.post_id LIMIT walk / 8
    ),
    greatest(want / 8, 12));
END
$$;

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

-- Candidates for one viewer's next posts.
--
-- want       how many unseen candidates are enough: half as many again as the ranking takes
-- page_size  how many posts must be found in all; below it, seen posts are added
-- session    posts served in it count as seen; served_ids adds what only the cache knows, with
--            served_at = page number * 64 + position as their order
-- newest     true: the `want` newest unseen posts and no other, for a chronological feed
-- context    device and daypart of the request, as 'phone/evening'; null: as of the viewer's last page
--
-- Rows: unseen ones with rung fresh, following or trending; then, only where fewer than page_size are
-- unseen, rung `seen`: the longest ago first (seen_rank), those of earlier sessions before this one's.
-- inventory is the number of unseen rows; complete says that no other unseen post exists;
-- creator_served is how many of the creator's posts the session was served. The creator's rates are of
-- the last months, over creator_samples viewers. creator_affinity and tag_affinity (the sum over the post's
-- tags) are the viewer's, as of `at`; null: none. origin is the walk that found the post. drops counts,
-- the same in all rows, the posts walked and those dropped by each filter.
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
  walk         integer     DEFAULT 500,
  newest       boolean     DEFAULT false,
  context      text        DEFAULT NULL
) RETURNS TABLE (
  post_id uuid, creator_id uuid, rung text, published_at timestamptz, duration_ms integer,
  hot_score double precision, impressions bigint, plays bigint, watch_ratio_sum double precision,
  likes bigint, comments bigint, shares bigint, followed boolean,
  creator_watch_ratio double precision, creator_like_rate double precision,
  creator_report_rate double precision, creator_samples bigint,
  creator_served integer, seen_rank integer, in_session boolean, inventory integer, complete boolean,
  creator_affinity double precision, tag_affinity double precision, origin text, drops jsonb
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
  v_fresh_from timestamptz := at - fresh_window;
  v            vroom_private.search;
  v_drops      jsonb;
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  v := vroom_private.begin_search(v_viewer, session, at - cooldown, at, served_ids, served_order);
  IF newest THEN
    v := vroom_private.walk_newest(v, want, walk);
  ELSE
    v := vroom_private.walk_tastes(v, want, walk, context);
    v := vroom_private.walk_ladder(v, want, page_size, v_fresh_from, walk);
  END IF;

  SELECT jsonb_build_object('walked', cardinality(v.kept) + cardinality(v.dropped))
         || coalesce(jsonb_object_agg(d.reason, d.posts), '{}')
  INTO v_drops
  FROM (SELECT u.reason, count(*) AS posts FROM unnest(v.drops) AS u(reason) GROUP BY 1) d;

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
       WHERE i.user_id = v_viewer AND i.seen_at > v.cutoff
         AND s.creator_id <> v_viewer
         AND s.creator_id NOT IN (SELECT unnest(v.hidden))
         AND i.post_id NOT IN (SELECT unnest(v.refused))
         AND i.post_id NOT IN (SELECT unnest(v.served))
       ORDER BY i.seen_at, i.post_id
       LIMIT page_size)
      UNION ALL
      (SELECT g.id, true, g.place
       FROM unnest(v.served, v.served_at) AS g(id, place)
       JOIN post_stats s ON s.post_id = g.id AND s.eligible
       WHERE s.creator_id <> v_viewer
         AND s.creator_id NOT IN (SELECT unnest(v.hidden))
         AND s.post_id NOT IN (SELECT unnest(v.refused))
       ORDER BY g.place
       LIMIT page_size)
    ) ranked
    WHERE cardinality(v.kept) < page_size
    LIMIT page_size
  ),
  chosen AS (
    SELECT k.id, NULL::integer AS seen_rank, false AS in_session, k.origin
    FROM unnest(v.kept, v.origins) AS k(id, origin)
    UNION ALL
    SELECT seen.post_id, seen.seen_rank, seen.in_session, 'seen' FROM seen
  ),
  tagged AS MATERIALIZED (
    SELECT g.id, sum((v.tag_taste -> g.tag)::double precision) AS affinity
    FROM (
      SELECT DISTINCT p.id, unnest(p.tags[1:10]) AS tag FROM posts p
      WHERE v.tag_taste IS NOT NULL AND p.id = ANY (v.kept || ARRAY(SELECT seen.post_id FROM seen))
    ) g
    GROUP BY g.id
  ),
  creators AS MATERIALIZED (
    SELECT s.creator_id, count(*)::integer AS served
    FROM post_stats s WHERE s.post_id = ANY (v.served) GROUP BY s.creator_id
  )
  SELECT s.post_id, s.creator_id,
         CASE WHEN c.seen_rank IS NOT NULL THEN 'seen'
              WHEN s.published_at > v_fresh_from THEN 'fresh'
              WHEN f.creator_id IS NOT NULL THEN 'following'
              ELSE 'trending' END,
         s.published_at, s.duration_ms, s.hot_score, s.impressions, s.plays, s.watch_ratio_sum,
         s.likes, s.comments, s.shares, f.creator_id IS NOT NULL,
         q.watch_ratio_sum / nullif(q.plays, 0), q.likes / nullif(q.plays, 0),
         q.reports / nullif(greatest(q.plays, q.reports), 0), greatest(q.plays, q.reports)::bigint,
         coalesce(h.served, 0), c.seen_rank, c.in_session, cardinality(v.kept), v.complete,
         (v.creator_taste -> s.creator_id::text)::double precision,
         t.affinity, c.origin, v_drops
  FROM chosen c
  CROSS JOIN LATERAL (SELECT * FROM post_stats p WHERE p.post_id = c.id AND p.eligible LIMIT 1) s
  LEFT JOIN LATERAL (SELECT * FROM creator_quality x WHERE x.creator_id = s.creator_id LIMIT 1) q ON true
  LEFT JOIN LATERAL (
    SELECT w.creator_id FROM follows w WHERE w.follower_id = v_viewer AND w.creator_id = s.creator_id LIMIT 1
  ) f ON true
  LEFT JOIN tagged t ON t.id = c.id
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
