-- The roll-up: what viewers did, counted into the figures that all of them share. Events leave the queue
-- in the transaction that counts them, so each is counted exactly once, however a run ends. One run works
-- at a time; viewers who add to the queue meanwhile never wait for it.

-- Keeps the roll-up, and all else that takes this lock, away until the transaction ends.
CREATE OR REPLACE FUNCTION vroom_private.lock_roll_up() RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT pg_advisory_xact_lock(hashtext('roll_up'), 0)
$$;

-- Two hot scores as one: log2(2^a + 2^b), computed from the greater one on.
CREATE OR REPLACE FUNCTION vroom_private.add_hot(a double precision, b double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN greatest(a, b) + ln(1 + 2 ^ -least(1000, abs(a - b))) / ln(2::double precision);

CREATE OR REPLACE AGGREGATE vroom_private.hot_sum(double precision) (
  SFUNC = vroom_private.add_hot, STYPE = double precision
);

-- Takes posts that too many have reported off the feed until somebody has looked; how many. It goes first
-- of all steps: whoever changes posts locks them before their figures too.
CREATE OR REPLACE FUNCTION vroom_private.hold_reported(taken public.engagement_queue[], threshold integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_due  uuid[];
  v_held integer;
BEGIN
  v_due := ARRAY(
    SELECT p.id
    FROM (SELECT t.post_id, sum(t.reports) AS reports FROM unnest(taken) AS t GROUP BY 1) new
    JOIN post_stats s ON s.post_id = new.post_id
    JOIN posts p ON p.id = new.post_id
    WHERE new.reports > 0 AND s.reports + new.reports >= threshold AND p.visibility = 'public'
    ORDER BY p.id FOR NO KEY UPDATE OF p
  );
  UPDATE posts p SET visibility = 'shadow_ban' WHERE p.id = ANY (v_due) AND p.visibility = 'public';
  GET DIAGNOSTICS v_held = ROW_COUNT;
  INSERT INTO post_reviews AS r (post_id, reports)
  SELECT s.post_id, s.reports + sum(t.reports)
  FROM post_stats s JOIN unnest(taken) AS t ON t.post_id = s.post_id
  WHERE s.post_id = ANY (v_due)
  GROUP BY s.post_id
  ON CONFLICT (post_id) DO UPDATE
  SET held_at = excluded.held_at, reports = excluded.reports, reviewed_at = NULL, verdict = NULL;
  RETURN v_held;
END
$$;

-- The record of creators: sums that halve in 30 days, each event decayed from its own time on, and moving
-- averages over the single events.
CREATE OR REPLACE FUNCTION vroom_private.count_creators(taken public.engagement_queue[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_creators uuid[] := ARRAY(
    SELECT DISTINCT t.creator_id FROM unnest(taken) AS t
    WHERE t.observed_watch_ratio IS NOT NULL OR t.reports <> 0 ORDER BY 1);
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
        UNION ALL  -- the averages until now, where there are any
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

-- How much of clips of each length is watched.
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
      FROM unnest(taken) AS t WHERE t.observed_watch_ratio IS NOT NULL
      UNION ALL
      SELECT w.bucket, 0, 0, w.updated_at FROM watch_norms w
    ) t
  ) o
  GROUP BY o.bucket, o.until ORDER BY o.bucket
  ON CONFLICT (bucket) DO UPDATE
  SET plays = vroom_private.decayed(n.plays, n.updated_at, excluded.updated_at, interval '30 days')
        + excluded.plays,
      watch_ratio_sum =
        vroom_private.decayed(n.watch_ratio_sum, n.updated_at, excluded.updated_at, interval '30 days')
        + excluded.watch_ratio_sum,
      updated_at = excluded.updated_at
$$;

-- The posts' own figures; a tag's copy of the hot score follows where it has fallen behind.
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
  WHERE s.post_id = n.post_id;
  UPDATE post_tags g SET hot_score = s.hot_score
  FROM post_stats s
  WHERE s.post_id = ANY (v_posts) AND g.post_id = s.post_id AND s.hot_score - g.hot_score > 0.5;
  RETURN cardinality(v_posts);
END
$$;

-- What was watched to the end next, 32 posts a post at most.
CREATE OR REPLACE FUNCTION vroom_private.count_covisits(taken public.engagement_queue[], half_life interval)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO post_covisits AS c (post_id, next_post_id, score)
  SELECT a.post_id, t.post_id, vroom_private.hot_sum(vroom_private.hot_score(t.at, 1, half_life))
  FROM unnest(taken) AS t
  CROSS JOIN LATERAL unnest(t.after_posts) AS a(post_id)
  WHERE EXISTS (SELECT FROM post_stats s WHERE s.post_id = a.post_id)
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (post_id, next_post_id) DO UPDATE SET score = vroom_private.add_hot(c.score, excluded.score);

  DELETE FROM post_covisits c
  USING (
    SELECT k.post_id, k.next_post_id,
           row_number() OVER (PARTITION BY k.post_id ORDER BY k.score DESC, k.next_post_id) AS place
    FROM post_covisits k
    WHERE k.post_id IN (SELECT unnest(t.after_posts) FROM unnest(taken) AS t)
  ) ranked
  WHERE ranked.place > 32 AND c.post_id = ranked.post_id AND c.next_post_id = ranked.next_post_id;
$$;

-- What works for viewers of a kind, 100 posts a cohort at most.
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

  DELETE FROM cohort_posts c
  USING (
    SELECT k.cohort, k.post_id,
           row_number() OVER (PARTITION BY k.cohort ORDER BY k.score DESC, k.post_id) AS place
    FROM cohort_posts k
    WHERE k.cohort IN (SELECT unnest(t.cohorts) FROM unnest(taken) AS t)
  ) ranked
  WHERE ranked.place > 100 AND c.cohort = ranked.cohort AND c.post_id = ranked.post_id;
$$;

-- Counts the oldest `most` events of the queue (10,000 at most). Posts that reach `report_threshold` go off
-- the feed. busy: another run is at it, and this one did nothing. events: how many left the queue; fewer
-- than `most`: it is empty. Events of posts that are gone are dropped.
CREATE OR REPLACE FUNCTION public.roll_up(most integer, report_threshold integer)
RETURNS TABLE (busy boolean, events integer, posts integer, held integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_half_life interval;
  v_taken     engagement_queue[];
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  busy := NOT pg_try_advisory_xact_lock(hashtext('roll_up'), 0);
  events := 0;
  posts := 0;
  held := 0;
  IF NOT busy THEN
    v_half_life := vroom_private.hold_hot_half_life();
    WITH gone AS (
      DELETE FROM engagement_queue q
      WHERE q.queue_no = ANY (ARRAY(
        SELECT o.queue_no FROM engagement_queue o ORDER BY o.queue_no LIMIT least(10000, greatest(0, most))))
      RETURNING q AS event
    )
    SELECT count(*), array_agg(g.event ORDER BY (g.event).queue_no)
             FILTER (WHERE (g.event).post_id IS NULL  -- a report of the creator as a whole
                       OR EXISTS (SELECT FROM post_stats s WHERE s.post_id = (g.event).post_id))
    INTO events, v_taken
    FROM gone g;

    IF v_taken IS NOT NULL THEN
      held := vroom_private.hold_reported(v_taken, greatest(1, report_threshold));
      PERFORM vroom_private.count_creators(v_taken);
      PERFORM vroom_private.count_norms(v_taken);
      posts := vroom_private.count_posts(v_taken, v_half_life);
      PERFORM vroom_private.count_covisits(v_taken, v_half_life);
      PERFORM vroom_private.count_cohorts(v_taken, v_half_life);
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Sets the hot score's half-life and rescales what is stored: the order of posts stays, since all scores
-- are in half-lives. Waits for whoever writes scores, and they wait for it; for operators.
CREATE OR REPLACE FUNCTION public.set_hot_half_life(half_life interval) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_factor double precision;
BEGIN
  IF half_life IS NULL OR half_life < interval '1 minute' THEN
    RAISE EXCEPTION 'the half-life must be at least a minute' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM vroom_private.lock_roll_up();
  LOCK TABLE hot_scale IN ACCESS EXCLUSIVE MODE;
  v_factor := extract(epoch FROM vroom_private.hot_half_life())::double precision
    / extract(epoch FROM half_life)::double precision;
  UPDATE hot_scale h SET half_life = set_hot_half_life.half_life;
  UPDATE post_stats s SET hot_score = s.hot_score * v_factor;
  UPDATE post_tags g SET hot_score = g.hot_score * v_factor;
  UPDATE post_covisits c SET score = c.score * v_factor;
  UPDATE cohort_posts c SET score = c.score * v_factor;
END
$$;

SELECT vroom_private.open_only_to('public.roll_up(integer, integer)', 'vroom_app');
SELECT vroom_private.open_only_to('public.set_hot_half_life(interval)', NULL);
