BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The roll-up counts what viewers did into the figures that all viewers share. Events leave the queue in the
-- transaction that counts them, so each event is counted exactly once, however a run ends. Viewers who add to the queue
-- meanwhile never wait for it.
--
-- Several sessions can share the roll-up out among them. The creator of an event decides into which of 64 slices it
-- falls, and a session locks the slices of its share. So events of one creator, and of one post, are counted by one
-- session at a time and in their order, whatever number of shares the sessions go by. No two shares write the same
-- rows of posts, creators and heat. What all of them write is written last.

-- Return the slice of the roll-up that counts the events of a creator's posts.
CREATE OR REPLACE FUNCTION vroom_private.roll_up_slice(creator uuid) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN uuid_hash(creator) & 63;

-- Return the numbers of the oldest events of a share from a number on, max_rows of them (10,000 at most).
CREATE OR REPLACE FUNCTION vroom_private.oldest_events(
  max_rows integer, share integer, of_shares integer, from_no bigint
) RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT ARRAY(
    SELECT o.queue_no FROM engagement_queue o
    WHERE o.queue_no >= from_no
      AND (of_shares = 1 OR vroom_private.roll_up_slice(o.creator_id) % of_shares = share)
    ORDER BY o.queue_no LIMIT least(10000, greatest(0, max_rows)))
$$;

-- Take the oldest events of a share off the queue from a number on, max_rows of them, in their order. `taken` leaves
-- out the events of posts and of creators that no longer exist, and is null where no event remains. `events` counts all
-- events that left the queue.
CREATE OR REPLACE FUNCTION vroom_private.take_events(
  max_rows integer, share integer, of_shares integer, from_no bigint,
  OUT events integer, OUT taken public.engagement_queue[]
)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  WITH gone AS (
    DELETE FROM engagement_queue q
    WHERE q.queue_no = ANY ((SELECT vroom_private.oldest_events(max_rows, share, of_shares, from_no))::bigint[])
    RETURNING q AS event
  )
  SELECT count(*)::integer,
         array_agg(g.event ORDER BY (g.event).queue_no)
           FILTER (WHERE (g.event).post_id IS NULL  -- the event is a report of the creator as a whole
                       AND NOT EXISTS (
                         SELECT FROM vroom_private.erased_creators e
                         WHERE e.creator_id = (g.event).creator_id AND e.erased_at > (g.event).at)
                     -- LIMIT makes this a probe of the key. For EXISTS the planner could build a hash of all posts.
                     OR (SELECT true FROM post_stats s WHERE s.post_id = (g.event).post_id LIMIT 1) IS NOT NULL)
  FROM gone g
$$;

-- Let reports not count that a cell has sent before it knew that somebody has reviewed the post. The arguments are
-- those of take_events.
CREATE OR REPLACE FUNCTION vroom_private.drop_late_reports(
  max_rows integer, share integer, of_shares integer, from_no bigint
) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  UPDATE engagement_queue q SET reports = 0
  FROM post_reviews r
  WHERE r.post_id = q.post_id AND r.counted_from > q.at AND q.reports <> 0
    AND q.queue_no = ANY ((SELECT vroom_private.oldest_events(max_rows, share, of_shares, from_no))::bigint[])
    AND EXISTS (SELECT FROM vroom_private.cells)
$$;

-- Count the oldest events of a share of the queue, max_rows of them (10,000 at most). The shares are numbered from 0
-- to of_shares - 1. Posts that have reached the number of reports in feed_settings are taken off the feed. `busy` says
-- that another run works on some of the share and that this one did nothing. `events` says how many events left the
-- queue. Where they are fewer than max_rows, nothing of the share is left in the queue. `from_no` leaves out events of
-- lower numbers. Where it is the lowest number that waits, no batch reads past the dead rows before it. There are many
-- of these while a transaction is left open. An event of a lower number that is committed later waits for a call that
-- knows it.
CREATE OR REPLACE FUNCTION public.roll_up(
  max_rows integer, share integer DEFAULT 0, of_shares integer DEFAULT 1, from_no bigint DEFAULT 0
)
RETURNS TABLE (busy boolean, events integer, posts integer, held integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_half_life interval;
  v_taken     engagement_queue[];
  v_step      double precision;
  v_judged    record;
  v_heat      double precision[];
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  IF of_shares NOT BETWEEN 1 AND 64 OR share NOT BETWEEN 0 AND of_shares - 1 THEN
    RAISE EXCEPTION 'there are 1 to 64 shares, numbered from 0' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  busy := NOT vroom_private.try_lock_task('roll_up', share, of_shares);
  events := 0;
  posts := 0;
  held := 0;
  IF NOT busy THEN
    v_half_life := vroom_private.hold_hot_half_life();
    PERFORM vroom_private.drop_late_reports(max_rows, share, of_shares, from_no);
    SELECT t.events, t.taken INTO events, v_taken
    FROM vroom_private.take_events(max_rows, share, of_shares, from_no) AS t;
    IF v_taken IS NOT NULL THEN
      held := vroom_private.hold_reported(v_taken, (SELECT f.report_hold_threshold FROM feed_settings f));
      PERFORM vroom_private.count_creators(v_taken);
      posts := vroom_private.count_posts(v_taken, v_half_life);
      v_step := vroom_private.judge_neighbours(v_taken);
      SELECT * INTO v_judged FROM vroom_private.judge_heat(v_taken);
      v_heat := vroom_private.count_heat(v_taken);
      PERFORM vroom_private.count_covisits(v_taken, v_half_life);
      PERFORM vroom_private.count_cohorts(v_taken, v_half_life);
      -- All shares write these rows. Written last, they are locked only while this transaction commits.
      PERFORM vroom_private.count_norms(v_taken);
      PERFORM vroom_private.update_heat_mix(
        v_heat, v_judged.until, v_judged.watched, v_judged.shown, v_judged.gains, v_step);
    END IF;
  END IF;
  RETURN NEXT;
END
$$;

-- Set the hot score's half-life and rescale the stored scores. The order of posts stays the same, because all
-- scores are measured in half-lives. The function waits for transactions that write scores, and they wait for it.
-- It is for operators.
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
  PERFORM vroom_private.lock_task('roll_up');
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

SELECT vroom_private.open_only_to('vroom_private.drop_late_reports(integer, integer, integer, bigint)', NULL);
SELECT vroom_private.open_only_to('public.roll_up(integer, integer, integer, bigint)', 'vroom_app');
SELECT vroom_private.open_only_to('public.set_hot_half_life(interval)', NULL);

-- Set the mix of the heat's half-lives (8 minutes, an hour, 6 hours, a day), whether the roll-up continues to learn,
-- and how much neighbours count beside the heat. null leaves each as it is. The function is for operators. Learning
-- goes on from what was set, and first takes it into the bounds of what is learnt.
CREATE OR REPLACE FUNCTION public.set_heat_mix(
  weights double precision[], learning boolean DEFAULT NULL, neighbours double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_whole double precision := (SELECT sum(greatest(0.001, w)) FROM unnest(set_heat_mix.weights) AS w);
BEGIN
  IF cardinality(set_heat_mix.weights) <> 4
    OR EXISTS (SELECT FROM unnest(set_heat_mix.weights) AS w WHERE w IS NULL OR NOT w BETWEEN 0 AND 1) THEN
    RAISE EXCEPTION 'the mix must have four weights between 0 and 1' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT set_heat_mix.neighbours BETWEEN 0 AND 0.9 THEN
    RAISE EXCEPTION 'the share of neighbours must be between 0 and 0.9' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM vroom_private.lock_task('roll_up');
  UPDATE heat_mix m
  SET weights = coalesce(
        (SELECT array_agg(greatest(0.001, w.weight) / v_whole ORDER BY w.ord)
         FROM unnest(set_heat_mix.weights) WITH ORDINALITY AS w(weight, ord)), m.weights),
      learning = coalesce(set_heat_mix.learning, m.learning),
      neighbours = coalesce(set_heat_mix.neighbours, m.neighbours),
      updated_at = clock_timestamp();
END
$$;
SELECT vroom_private.open_only_to('public.set_heat_mix(double precision[], boolean, double precision)', NULL);

COMMIT;
