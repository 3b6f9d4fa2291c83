BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- feed_candidates returns what a viewer may be shown next, with all that the ranking reads. Both the feed function
-- and the operator's get_personalized_feed call it.

-- Return how many posts a search has looked at (`walked`), and how many each filter took, each post once.
CREATE OR REPLACE FUNCTION vroom_private.filtered_counts(search vroom_private.search) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN (
    WITH once AS (
      SELECT DISTINCT ON (f.post_id) f.post_id, f.reason
      FROM unnest(search.filtered || search.passed_over) AS f
      WHERE f.post_id NOT IN (SELECT k.post_id FROM unnest(search.kept) AS k)
      ORDER BY f.post_id, f.reason
    ),
    counted AS (SELECT o.reason, count(*) AS posts FROM once o GROUP BY 1)
    SELECT jsonb_build_object('walked', cardinality(search.kept) + coalesce(sum(c.posts), 0))
           || coalesce(jsonb_object_agg(c.reason, c.posts) FILTER (WHERE c.reason IS NOT NULL), '{}')
    FROM counted c
  );
END
$$;

-- Return the posts to repeat where a page cannot be filled with unseen ones, max_rows at most. Posts that were
-- seen the longest ago come first. Posts of earlier sessions come before those that this session was served.
CREATE OR REPLACE FUNCTION vroom_private.seen_posts(search vroom_private.search, max_rows integer)
RETURNS TABLE (post_id uuid, seen_rank integer, in_session boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT ranked.post_id,
         (row_number() OVER (ORDER BY ranked.in_session, ranked.place, ranked.post_id))::integer,
         ranked.in_session
  FROM (
    (SELECT i.post_id, false AS in_session, extract(epoch FROM i.seen_at)::double precision AS place
     FROM viewer_last_seen i
     CROSS JOIN LATERAL (
       SELECT p.creator_id FROM post_stats p
       WHERE p.post_id = i.post_id AND vroom_private.is_eligible(p.eligible, p.waits_until) LIMIT 1
     ) s
     CROSS JOIN LATERAL vroom_private.may_show(
       search.viewer, search.hidden, search.refused, i.post_id, s.creator_id) AS allowed
     WHERE i.user_id = search.viewer AND i.seen_at > search.cutoff
       AND allowed.reason IS NULL
       AND NOT jsonb_exists(search.served, i.post_id::text)
     ORDER BY i.seen_at, i.post_id
     LIMIT max_rows)
    UNION ALL
    (SELECT g.post_id, true, g.place
     FROM (SELECT e.key::uuid AS post_id, e.value::integer AS place FROM jsonb_each_text(search.served) AS e) g
     JOIN post_stats s ON s.post_id = g.post_id AND vroom_private.is_eligible(s.eligible, s.waits_until)
     CROSS JOIN LATERAL vroom_private.may_show(
       search.viewer, search.hidden, search.refused, g.post_id, s.creator_id) AS allowed
     WHERE allowed.reason IS NULL
     ORDER BY g.place
     LIMIT max_rows)
  ) ranked
  LIMIT max_rows;
END
$$;

-- Return the rows of feed_candidates for what a search has found. This is one query, which is long only because of
-- its columns.
CREATE OR REPLACE FUNCTION vroom_private.describe_found(search vroom_private.search, page_size integer)
RETURNS TABLE (
  post_id uuid, creator_id uuid, rung text, published_at timestamptz, duration_ms integer,
  hot_score double precision, impressions bigint, plays bigint, watch_ratio_sum double precision,
  likes bigint, comments bigint, shares bigint, followed boolean,
  creator_watch_ratio double precision, creator_like_rate double precision,
  creator_report_rate double precision, creator_samples bigint,
  creator_served integer, seen_rank integer, in_session boolean, inventory integer, complete boolean,
  creator_affinity double precision, tag_affinity double precision, heat double precision[],
  follows double precision, source text, neighbourhoods text[],
  filtered jsonb
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_filtered jsonb := vroom_private.filtered_counts(search);
BEGIN
  RETURN QUERY
  WITH chosen AS MATERIALIZED (
    SELECT k.post_id, NULL::integer AS seen_rank, false AS in_session, k.source FROM unnest(search.kept) AS k
    UNION ALL
    SELECT s.post_id, s.seen_rank, s.in_session, 'seen' FROM vroom_private.seen_posts(search, page_size) AS s
    WHERE cardinality(search.kept) < page_size
  ),
  tagged AS MATERIALIZED (
    SELECT a.post_id AS id, a.affinity
    FROM vroom_private.tag_affinities(search.tag_taste, ARRAY(SELECT c.post_id FROM chosen c)) AS a
  ),
  creators AS MATERIALIZED (
    SELECT s.creator_id, count(*)::integer AS served
    FROM post_stats s
    WHERE s.post_id = ANY (search.served_last) GROUP BY s.creator_id
  )
  SELECT s.post_id, s.creator_id,
         CASE WHEN c.seen_rank IS NOT NULL THEN 'seen'
              WHEN s.published_at > search.fresh_from THEN 'fresh'
              WHEN f.creator_id IS NOT NULL THEN 'following'
              ELSE 'trending' END,
         s.published_at, s.duration_ms, s.hot_score, s.impressions, s.plays, s.watch_ratio_sum,
         s.likes, s.comments, s.shares, f.creator_id IS NOT NULL,
         q.watch_ratio_sum / nullif(q.plays, 0), q.likes / nullif(q.plays, 0),
         q.reports / nullif(greatest(q.plays, q.reports), 0), greatest(q.plays, q.reports)::bigint,
         coalesce(h.served, 0), c.seen_rank, c.in_session, cardinality(search.kept), search.complete,
         (search.creator_taste -> s.creator_id::text)::double precision,
         t.affinity, warm.heat, n.likely, c.source, near.tags, v_filtered
  FROM chosen c
  CROSS JOIN LATERAL (
    SELECT * FROM post_stats p
    WHERE p.post_id = c.post_id AND vroom_private.is_eligible(p.eligible, p.waits_until) LIMIT 1
  ) s
  LEFT JOIN LATERAL (SELECT * FROM creator_quality x WHERE x.creator_id = s.creator_id LIMIT 1) q ON true
  LEFT JOIN LATERAL (
    SELECT w.creator_id FROM follows w WHERE w.follower_id = search.viewer AND w.creator_id = s.creator_id LIMIT 1
  ) f ON true
  LEFT JOIN tagged t ON t.id = c.post_id
  LEFT JOIN LATERAL (SELECT p.heat FROM post_heat p WHERE p.post_id = c.post_id LIMIT 1) warm ON true
  LEFT JOIN unnest(search.next_posts, search.next_likely) AS n(post_id, likely) ON n.post_id = c.post_id
  LEFT JOIN creators h ON h.creator_id = s.creator_id
  LEFT JOIN LATERAL (
    SELECT nullif(vroom_private.taste_tags(p.tags[1:4]), '{}') AS tags FROM posts p
    WHERE vroom_private.is_interviewed(search.samples) AND p.id = c.post_id LIMIT 1
  ) near ON true;
END
$$;

-- Return candidates for one viewer's next posts.
--
-- want       how many unseen candidates are enough: half as many again as the ranking takes
-- page_size  how many posts must be found in all; where fewer are unseen, seen posts are added
-- session    posts served in this session count as seen; served_ids adds the posts that only the session cache
-- knows,
--            with served_order = page number * 64 + position
-- newest     true: the `want` newest unseen posts and no others, for a chronological feed
-- context    the device and daypart of the request, as 'phone/evening'; null: those of the viewer's last page
--
-- Unseen rows have the rung fresh, following or trending. Where fewer than page_size are unseen, rows of the rung
-- `seen` follow. Among these, posts that were seen the longest ago come first (seen_rank), and posts of earlier
-- sessions come before those of this session.
--
-- inventory is the number of unseen rows, and complete says that no other unseen post exists. creator_served says
-- how many of the last 600 posts of the session are the creator's. The creator's rates cover the last months and
-- creator_samples viewers. creator_affinity and tag_affinity (tag_affinities) are the viewer's as of `at`, and null
-- where there is none. heat is that of post_heat. follows says how likely viewers of the viewer's
-- last posts are to go on to this one, and is null where nothing is known. source is the walk that found the post.
-- neighbourhoods holds the post's first tags where the viewer is interviewed, and is null for all others.
-- filtered counts the posts that were looked at and those that each filter took; it is the same in all rows.
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
  creator_affinity double precision, tag_affinity double precision, heat double precision[],
  follows double precision, source text, neighbourhoods text[],
  filtered jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
ROWS 200
AS $$
DECLARE
  v vroom_private.search;
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  v := vroom_private.begin_search(viewer, session, at - cooldown, at - fresh_window, at, served_ids, served_order);
  v := vroom_private.keep_unseen(v, ARRAY(SELECT w FROM vroom_private.walk_due(20 * walk) AS w), want);
  IF newest THEN
    v := vroom_private.walk_newest(v, want, walk);
  ELSE
    v := vroom_private.walk_tastes(v, want, walk, context);
    v := vroom_private.walk_ladder(v, want, page_size, walk);
  END IF;
  RETURN QUERY SELECT d.* FROM vroom_private.describe_found(v, page_size) AS d;
END
$$;
SELECT vroom_private.open_only_to(
  'public.feed_candidates(uuid, uuid, integer, integer, interval, interval, timestamptz, uuid[], integer[], '
  'integer, boolean, text)', 'vroom_app');

COMMIT;
