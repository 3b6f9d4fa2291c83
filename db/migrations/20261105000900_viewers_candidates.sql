BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Retrieval: the one definition of what a viewer may be shown next. The feed function and the
-- operator's get_personalized_feed both read feed_candidates.

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

SELECT vroom_private.open_only_to('public.feed_candidates(uuid, uuid, integer, integer, interval, interval, timestamptz, uuid[], integer[], integer, boolean, text)', 'vroom_app');
SELECT vroom_private.open_only_to('public.get_personalized_feed(uuid, integer, uuid)', 'vroom_app');

COMMIT;
