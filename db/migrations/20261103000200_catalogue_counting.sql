BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The functions in this file count each kind of figure from the events that the roll-up takes.

-- Count events towards the record of their creators. The record holds sums that halve in 30 days, in which each
-- event decays from its own time on, and moving averages over the single events.
CREATE OR REPLACE FUNCTION vroom_private.count_creators(taken public.engagement_queue[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_creators uuid[] := ARRAY(
    SELECT DISTINCT t.creator_id FROM unnest(taken) AS t
    WHERE t.duration_ms IS NOT NULL OR t.reports <> 0 ORDER BY 1);
BEGIN
  INSERT INTO creator_quality (creator_id) SELECT unnest(v_creators) ON CONFLICT DO NOTHING;
  PERFORM FROM creator_quality q WHERE q.creator_id = ANY (v_creators) ORDER BY q.creator_id FOR NO KEY UPDATE;

  UPDATE creator_quality q
  SET rolling_watch_ratio = coalesce(e.watch_ratio, q.rolling_watch_ratio),
      rolling_like_rate = coalesce(e.like_rate, q.rolling_like_rate),
      rolling_report_rate = coalesce(e.report_rate, q.rolling_report_rate),
      samples = q.samples + e.samples,
      plays = vroom_private.decayed(q.plays, q.updated_at, e.until, e.half_life) + e.plays,
      watch_ratio_sum = vroom_private.decayed(q.watch_ratio_sum, q.updated_at, e.until, e.half_life)
        + e.watch_ratio_sum,
      likes = vroom_private.decayed(q.likes, q.updated_at, e.until, e.half_life) + e.likes,
      reports = greatest(0, vroom_private.decayed(q.reports, q.updated_at, e.until, e.half_life) + e.reports),
      updated_at = e.until
  FROM (
    SELECT o.creator_id, o.until, o.half_life,
           vroom_private.ema(o.watch_ratio, 0.2 ORDER BY o.queue_no) AS watch_ratio,
           vroom_private.ema(o.liked, 0.2 ORDER BY o.queue_no) AS like_rate,
           vroom_private.ema(o.reported, 0.2 ORDER BY o.queue_no) AS report_rate,
           count(o.reported) FILTER (WHERE o.queue_no > 0) AS samples,
           sum(vroom_private.decayed(o.plays, o.at, o.until, o.half_life)) AS plays,
           sum(vroom_private.decayed(o.grown, o.at, o.until, o.half_life)) AS watch_ratio_sum,
           sum(vroom_private.decayed(o.likes, o.at, o.until, o.half_life)) AS likes,
           sum(vroom_private.decayed(o.reports, o.at, o.until, o.half_life)) AS reports
    FROM (
      SELECT events.*, interval '30 days' AS half_life,
             max(events.at) OVER (PARTITION BY events.creator_id) AS until
      FROM (
        SELECT t.queue_no, t.creator_id, t.at, t.plays::double precision, t.watch_ratio AS grown,
               t.likes::double precision, t.reports::double precision,
               t.observed_watch_ratio AS watch_ratio, t.observed_like::integer::double precision AS liked,
               CASE WHEN t.observed_watch_ratio IS NOT NULL THEN 0
                    WHEN t.reports > 0 THEN 1 END::double precision AS reported
        FROM unnest(taken) AS t
        UNION ALL  -- the averages so far, if there are any
        SELECT 0, q.creator_id, q.updated_at, 0, 0, 0, 0,
               CASE WHEN q.plays > 0 THEN q.rolling_watch_ratio END,
               CASE WHEN q.plays > 0 THEN q.rolling_like_rate END,
               CASE WHEN q.samples > 0 THEN q.rolling_report_rate END
        FROM creator_quality q WHERE q.creator_id = ANY (v_creators)
      ) events
    ) o
    GROUP BY o.creator_id, o.until, o.half_life
  ) e
  WHERE q.creator_id = e.creator_id AND q.creator_id = ANY (v_creators);
END
$$;

-- Count how much viewers watch of clips of each length.
CREATE OR REPLACE FUNCTION vroom_private.count_norms(taken public.engagement_queue[]) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO watch_norms AS n (bucket, plays, watch_ratio_sum, updated_at)
  SELECT o.bucket, sum(vroom_private.decayed(o.plays, o.at, o.until, interval '30 days')),
         sum(vroom_private.decayed(o.watch_ratio, o.at, o.until, interval '30 days')), o.until
  FROM (
    SELECT t.bucket, t.plays, t.watch_ratio, t.at, max(t.at) OVER (PARTITION BY t.bucket) AS until
    FROM (
      SELECT vroom_private.duration_bucket(t.duration_ms) AS bucket, t.plays, t.watch_ratio, t.at
      FROM unnest(taken) AS t WHERE t.duration_ms IS NOT NULL
      UNION ALL
      SELECT w.bucket, 0, 0, w.updated_at FROM watch_norms w
    ) t
  ) o
  GROUP BY o.bucket, o.until ORDER BY o.bucket
  -- Another share may have counted newer events since this statement has read the row.
  ON CONFLICT (bucket) DO UPDATE
  SET plays =
        vroom_private.decayed(
          n.plays, n.updated_at, greatest(n.updated_at, excluded.updated_at), interval '30 days')
        + vroom_private.decayed(
          excluded.plays, excluded.updated_at, greatest(n.updated_at, excluded.updated_at), interval '30 days'),
      watch_ratio_sum =
        vroom_private.decayed(
          n.watch_ratio_sum, n.updated_at, greatest(n.updated_at, excluded.updated_at), interval '30 days')
        + vroom_private.decayed(
          excluded.watch_ratio_sum, excluded.updated_at, greatest(n.updated_at, excluded.updated_at),
          interval '30 days'),
      updated_at = greatest(n.updated_at, excluded.updated_at)
$$;

-- Count events towards the figures of their posts, and return how many posts there were. A tag's copy of a post's
-- hot score is updated where it has fallen behind by more than 0.5.
CREATE OR REPLACE FUNCTION vroom_private.count_posts(taken public.engagement_queue[], half_life interval)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_posts uuid[] := ARRAY(
    SELECT DISTINCT t.post_id FROM unnest(taken) AS t WHERE t.post_id IS NOT NULL ORDER BY 1);
BEGIN
  PERFORM FROM post_stats s WHERE s.post_id = ANY (v_posts) ORDER BY s.post_id FOR NO KEY UPDATE;
  UPDATE post_stats s
  SET impressions = s.impressions + n.impressions, plays = s.plays + n.plays,
      watch_ratio_sum = s.watch_ratio_sum + n.watch_ratio, likes = s.likes + n.likes,
      comments = s.comments + n.comments, shares = s.shares + n.shares,
      replays = s.replays + n.replays, reports = greatest(0, s.reports + n.reports),
      hot_score = coalesce(vroom_private.add_hot(s.hot_score, n.hot), s.hot_score)
  FROM (
    SELECT t.post_id, sum(t.impressions) AS impressions, sum(t.plays) AS plays,
           sum(t.watch_ratio) AS watch_ratio, sum(t.likes) AS likes, sum(t.comments) AS comments,
           sum(t.shares) AS shares, sum(t.replays) AS replays, sum(t.reports) AS reports,
           vroom_private.hot_sum(vroom_private.hot_score(t.at, t.weight, half_life))
             FILTER (WHERE t.weight > 0) AS hot
    FROM unnest(taken) AS t
    GROUP BY t.post_id
  ) n
  -- The list makes these probes of the keys. For the joins alone the planner could read the tables as a whole.
  WHERE s.post_id = n.post_id AND s.post_id = ANY (v_posts);
  UPDATE post_tags g SET hot_score = s.hot_score
  FROM post_stats s
  WHERE s.post_id = ANY (v_posts) AND g.post_id = ANY (v_posts) AND g.post_id = s.post_id
    AND s.hot_score - g.hot_score > 0.5;
  RETURN cardinality(v_posts);
END
$$;

-- Return the heat that events add, for each half-life: the logarithm of the sum of their weights, decayed forward.
-- There is one row for each post. One more row, with a null post, holds the heat of all posts together.
CREATE OR REPLACE FUNCTION vroom_private.heat_of(taken public.engagement_queue[])
RETURNS TABLE (post_id uuid, heat double precision[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT k.post_id, array_agg(k.heat ORDER BY k.scale)
  FROM (
    SELECT t.post_id, s.scale,
           vroom_private.hot_score(u.until, 1, s.half_life)
             + ln(sum(t.weight * 2 ^ greatest(-900,
                 extract(epoch FROM t.at - u.until)::double precision
                 / extract(epoch FROM s.half_life)::double precision))) / ln(2::double precision) AS heat
    FROM unnest(taken) AS t
    CROSS JOIN unnest(vroom_private.heat_half_lives()) WITH ORDINALITY AS s(half_life, scale)
    CROSS JOIN (SELECT max(x.at) AS until FROM unnest(taken) AS x) AS u
    WHERE t.weight > 0 AND t.post_id IS NOT NULL
    GROUP BY GROUPING SETS ((t.post_id, s.scale, s.half_life, u.until), (s.scale, s.half_life, u.until))
  ) k
  GROUP BY k.post_id ORDER BY k.post_id
$$;

-- Add two heats, half-life by half-life.
CREATE OR REPLACE FUNCTION vroom_private.add_heat(a double precision[], b double precision[])
RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a ELSE
  ARRAY[vroom_private.add_hot(a[1], b[1]), vroom_private.add_hot(a[2], b[2]),
        vroom_private.add_hot(a[3], b[3]), vroom_private.add_hot(a[4], b[4])] END;

-- Count events towards the heat of their posts, and return what they add to the heat of all posts together. The
-- result is null where they add nothing. A post that was deleted since its events were taken gets no row. count_posts
-- has locked the figures of the others, so they stay until the roll-up has committed.
CREATE OR REPLACE FUNCTION vroom_private.count_heat(taken public.engagement_queue[]) RETURNS double precision[]
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  WITH added AS MATERIALIZED (SELECT n.post_id, n.heat FROM vroom_private.heat_of(taken) n),
  counted AS (
    INSERT INTO post_heat AS h (post_id, heat)
    SELECT a.post_id, a.heat FROM added a
    -- LIMIT makes this a probe of the key
    WHERE (SELECT true FROM post_stats s WHERE s.post_id = a.post_id LIMIT 1) IS NOT NULL
    ORDER BY a.post_id
    ON CONFLICT (post_id) DO UPDATE SET heat = vroom_private.add_heat(h.heat, excluded.heat)
  )
  SELECT (SELECT a.heat FROM added a WHERE a.post_id IS NULL)
$$;

-- Return the weights of a mix after they have moved towards the half-lives that gained the most. Four floors of
-- 0.05 leave 0.8 to be shared. The last term lets a weight at its floor grow again.
CREATE OR REPLACE FUNCTION vroom_private.bent_weights(
  weights double precision[], gains double precision[], watched double precision
) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT array_agg(0.05 + 0.8 * b.bent / b.whole ORDER BY b.scale)
  FROM (
    SELECT w.scale, w.bent, sum(w.bent) OVER () AS whole
    FROM (
      SELECT g.scale,
             greatest(0, weights[g.scale] - 0.05) * exp(greatest(-0.1,
               0.05 * sqrt(least(400, watched))
               * (coalesce(g.gain, 0) - max(coalesce(g.gain, 0)) OVER ()))) + 0.001 AS bent
      FROM unnest(gains) WITH ORDINALITY AS g(gain, scale)
    ) w
  ) b
$$;

-- Learn the mix of half-lives. Each half-life is an expert: it predicts that a post is watched next with a
-- probability equal to the post's share of the heat. The events show what was watched, and the weights of the
-- experts that predicted it grow (multiplicative weights; Cesa-Bianchi and Lugosi, "Prediction, Learning, and
-- Games", 2006). An impression counts against a post by half of what an impression brings on average, so that the
-- feed does not learn its own order. The roll-up calls this function before count_heat, so that the experts do not
-- know the events by which they are judged, and gives what it returns to update_heat_mix: `until`, the time of the
-- newest event; `watched`, the sum of the events' rewards; `shown`, the impressions; and `gains`, what each half-life
-- gained. `gains` is null where nothing is to be learnt.
CREATE OR REPLACE FUNCTION vroom_private.judge_heat(
  taken public.engagement_queue[],
  OUT until timestamptz, OUT watched double precision, OUT shown double precision, OUT gains double precision[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_mix   heat_mix;
  v_posts double precision;  -- about how many posts have heat
BEGIN
  SELECT * INTO v_mix FROM heat_mix m;
  SELECT max(t.at), coalesce(sum(least(1, t.weight)) FILTER (WHERE t.weight > 0), 0), sum(t.impressions)
  INTO until, watched, shown
  FROM unnest(taken) AS t WHERE t.post_id IS NOT NULL;
  IF v_mix.totals IS NULL OR NOT v_mix.learning OR watched = 0 THEN
    RETURN;
  END IF;
  v_posts := greatest(100, (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'public.post_heat'::regclass));

  SELECT array_agg(g.gain ORDER BY g.scale)
  INTO gains
  FROM (
    SELECT s.scale,
           sum(e.evidence * ln(
             (2 ^ greatest(-60, least(60, coalesce(h.heat[s.scale], '-infinity') - w.now)) + 0.01)
             / (2 ^ greatest(-60, least(60, v_mix.totals[s.scale] - w.now)) + 0.01 * v_posts)) ORDER BY e.post_id)
           / nullif(sum(abs(e.evidence) ORDER BY e.post_id), 0) / ln(2::double precision) AS gain
    FROM (
      SELECT t.post_id,
             sum(least(1, greatest(0, t.weight))) - 0.5 * v_mix.reward * sum(t.impressions) AS evidence
      FROM unnest(taken) AS t WHERE t.post_id IS NOT NULL GROUP BY t.post_id
    ) e
    LEFT JOIN post_heat h ON h.post_id = e.post_id
    CROSS JOIN unnest(vroom_private.heat_half_lives()) WITH ORDINALITY AS s(half_life, scale)
    CROSS JOIN LATERAL (SELECT vroom_private.hot_score(until, 1, s.half_life) AS now) w
    GROUP BY s.scale
  ) g;
END
$$;

-- Count which posts viewers watched to the end after others. Each post keeps at most 40 such posts: the strongest
-- 24 by the long half-life and the strongest 16 by the short one, so that a new post can grow beside posts that
-- have been strong for long. Another share of the roll-up may just be writing some of the weaker ones. Nobody waits for
-- these: they stay until events of the same post are counted again.
CREATE OR REPLACE FUNCTION vroom_private.count_covisits(taken public.engagement_queue[], half_life interval)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO post_covisits AS c (post_id, next_post_id, score, fast_score)
  SELECT a.post_id, t.post_id, vroom_private.hot_sum(vroom_private.hot_score(t.at, 1, half_life)),
         vroom_private.hot_sum(vroom_private.hot_score(t.at, 1, interval '2 hours'))
  FROM unnest(taken) AS t
  CROSS JOIN LATERAL unnest(t.after_posts) AS a(post_id)
  -- LIMIT makes this a probe of the key
  WHERE (SELECT true FROM post_stats s WHERE s.post_id = a.post_id LIMIT 1) IS NOT NULL
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (post_id, next_post_id) DO UPDATE
  SET score = vroom_private.add_hot(c.score, excluded.score),
      fast_score = vroom_private.add_hot(c.fast_score, excluded.fast_score);

  DELETE FROM post_covisits c WHERE c.ctid = ANY (ARRAY(
    SELECT o.ctid
    FROM (
      SELECT k.post_id, k.next_post_id,
             row_number() OVER (PARTITION BY k.post_id ORDER BY k.score DESC, k.next_post_id) AS place,
             row_number() OVER (PARTITION BY k.post_id ORDER BY k.fast_score DESC, k.next_post_id) AS fast_place
      FROM post_covisits k
      WHERE k.post_id IN (SELECT unnest(t.after_posts) FROM unnest(taken) AS t)
    ) ranked
    JOIN post_covisits o ON o.post_id = ranked.post_id AND o.next_post_id = ranked.next_post_id
    WHERE ranked.place > 24 AND ranked.fast_place > 16
    FOR UPDATE OF o SKIP LOCKED));
$$;

-- Count what each cohort of viewers watches. A cohort keeps at most 100 posts, and those that another share of the
-- roll-up is writing.
CREATE OR REPLACE FUNCTION vroom_private.count_cohorts(taken public.engagement_queue[], half_life interval)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO cohort_posts AS c (cohort, post_id, score)
  SELECT k.cohort, t.post_id, vroom_private.hot_sum(vroom_private.hot_score(t.at, t.weight, half_life))
  FROM unnest(taken) AS t
  CROSS JOIN LATERAL unnest(t.cohorts) AS k(cohort)
  WHERE t.weight > 0
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (cohort, post_id) DO UPDATE SET score = vroom_private.add_hot(c.score, excluded.score);

  DELETE FROM cohort_posts c WHERE c.ctid = ANY (ARRAY(
    SELECT o.ctid
    FROM (
      SELECT k.cohort, k.post_id,
             row_number() OVER (PARTITION BY k.cohort ORDER BY k.score DESC, k.post_id) AS place
      FROM cohort_posts k
      WHERE k.cohort IN (SELECT unnest(t.cohorts) FROM unnest(taken) AS t)
    ) ranked
    JOIN cohort_posts o ON o.cohort = ranked.cohort AND o.post_id = ranked.post_id
    WHERE ranked.place > 100
    FOR UPDATE OF o SKIP LOCKED));
$$;

COMMIT;
