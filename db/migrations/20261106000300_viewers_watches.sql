BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Return whether a video was played beyond its end. A full watch may end a little after the stated duration,
-- because sound lasts until the end of its last packet (21 to 42 ms were measured) and players count roughly.
CREATE OR REPLACE FUNCTION vroom_private.is_replay(play_ms integer, duration_ms integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN play_ms > duration_ms + 250;

-- This file records what viewers watch, once for each event. The viewer's own habits and taste learn from a watch
-- at once. The figures that all viewers share learn from it through a queue, so that no row that viewers share is
-- locked.

-- A watch between its arrival in a batch and what is learnt from it.
DO $$
BEGIN
  IF to_regtype('vroom_private.watch') IS NULL THEN
    CREATE TYPE vroom_private.watch AS (
      index        integer,           -- the place in the batch
      event_id     uuid,
      post_id      uuid,
      play_ms      integer,
      duration_ms  integer,
      liked        boolean,
      commented    boolean,
      shared       boolean,
      watch_ratio  double precision,  -- the play time divided by the post's duration, at most 1
      problem      text,              -- why the watch is refused; null: it is accepted
      creator_id   uuid,
      tags         text[],            -- of the post, or its terms (vroom_private.taste_words)
      published_at timestamptz,
      lasts_ms     integer            -- the post's own duration, or else the client's
    );
  END IF;
END $$;

-- Return the rows of a batch, each with the data of its post, or with the problem for which it is refused. An
-- event that occurs twice in a batch counts once. The post's own duration decides how much of the post was
-- watched. The client's duration counts only where the post's own is not known.
CREATE OR REPLACE FUNCTION vroom_private.judged_watches(batch jsonb) RETURNS SETOF vroom_private.watch
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN QUERY
  SELECT j.index, j.event_id, j.post_id, j.play_ms::integer, j.duration_ms::integer,
         j.liked, j.commented, j.shared, least(1, j.play_ms::double precision / j.lasts_ms),
         CASE WHEN j.problem IS NULL AND row_number() OVER (
                PARTITION BY j.event_id, j.problem IS NULL ORDER BY j.index) > 1
              THEN 'duplicate' ELSE j.problem END,
         j.creator_id, j.tags, j.published_at, j.lasts_ms
  FROM (
    SELECT (g.ord - 1)::integer AS index, r.event_id, r.post_id,
           CASE WHEN v.problem IS NULL THEN r.play_ms END AS play_ms,
           CASE WHEN v.problem IS NULL THEN r.duration_ms END AS duration_ms,
           coalesce(r.liked, false) AS liked, coalesce(r.commented, false) AS commented,
           coalesce(r.shared, false) AS shared,
           coalesce(v.problem, CASE WHEN p.id IS NULL THEN 'unknown_post' END) AS problem,
           p.creator_id, vroom_private.taste_words(p.id, p.tags) AS tags,
           coalesce(p.published_at, p.created_at) AS published_at,
           coalesce(nullif(p.mux_duration_ms, 0),
                    CASE WHEN v.problem IS NULL THEN r.duration_ms END)::integer AS lasts_ms
    FROM jsonb_array_elements(batch) WITH ORDINALITY AS g(item, ord)
    CROSS JOIN LATERAL jsonb_to_record(g.item) AS r(
      event_id uuid, post_id uuid, play_ms bigint, duration_ms bigint,
      liked boolean, commented boolean, shared boolean)
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN r.event_id IS NULL THEN 'bad_event'
        WHEN (r.duration_ms BETWEEN 1 AND 86400000) IS NOT TRUE THEN 'bad_duration'
        WHEN (r.play_ms BETWEEN 0 AND 10 * r.duration_ms) IS NOT TRUE THEN 'bad_play'
      END AS problem
    ) v
    -- LIMIT keeps this a probe of the key
    LEFT JOIN LATERAL (
      SELECT * FROM posts q WHERE q.id = r.post_id AND v.problem IS NULL LIMIT 1
    ) p ON true
  ) j;
END
$$;

-- Fold watches, in their order, into the viewer's moving averages. The taste for new posts moves more slowly. It
-- rises where more than usual for this viewer was watched of a new post, or less of an old one. What the viewer is
-- shown does not move it: a viewer who is shown new posts alone watches as much as usual of them, on average.
CREATE OR REPLACE FUNCTION vroom_private.learn_signals(
  viewer uuid, watches vroom_private.watch[], norms double precision[], at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  UPDATE user_interest_signals s
  SET like_rate = e.like_rate, avg_watch_ratio = e.watch_ratio, comment_rate = e.comment_rate,
      share_rate = e.share_rate, freshness_preference = e.freshness,
      samples = s.samples + cardinality(watches),
      updated_at = greatest(s.updated_at, learn_signals.at)
  FROM (
    SELECT vroom_private.ema(o.liked, 0.2 ORDER BY o.index) AS like_rate,
           vroom_private.ema(o.watch_ratio, 0.2 ORDER BY o.index) AS watch_ratio,
           vroom_private.ema(o.commented, 0.2 ORDER BY o.index) AS comment_rate,
           vroom_private.ema(o.shared, 0.2 ORDER BY o.index) AS share_rate,
           vroom_private.ema(coalesce(o.fresh, 0.5 + o.side * least(0.5, greatest(-0.5, o.watch_ratio - o.usual))),
             0.05 ORDER BY o.index) AS freshness
    FROM (
      SELECT seen.*, coalesce(vroom_private.ema(seen.watch_ratio, 0.2) OVER (
        ORDER BY seen.index ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), seen.norm) AS usual
      FROM (
        SELECT -1 AS index, old.like_rate AS liked, old.avg_watch_ratio AS watch_ratio,
               old.comment_rate AS commented, old.share_rate AS shared, NULL::double precision AS fresh,
               NULL::integer AS side, NULL::double precision AS norm
        FROM user_interest_signals old WHERE old.user_id = viewer AND old.samples > 0
        UNION ALL
        SELECT -2, NULL, NULL, NULL, NULL, old.freshness_preference, NULL, NULL
        FROM user_interest_signals old WHERE old.user_id = viewer
        UNION ALL
        SELECT w.index, w.liked::integer, w.watch_ratio, w.commented::integer, w.shared::integer,
               NULL, CASE WHEN w.published_at > learn_signals.at - interval '7 days' THEN 1 ELSE -1 END,
               norms[vroom_private.duration_bucket(w.lasts_ms) + 1]
        FROM unnest(watches) AS w
      ) seen
    ) o
  ) e
  WHERE s.user_id = viewer;
END
$$;

-- A watch, and what it adds to what the viewer had given its post before.
DO $$
BEGIN
  IF to_regtype('vroom_private.grown_watch') IS NULL THEN
    CREATE TYPE vroom_private.grown_watch AS (
      watch          vroom_private.watch,
      watched_at     timestamptz,
      is_first       boolean,           -- the viewer's first watch of the post
      is_vote        boolean,           -- the viewer's first watch of the post on this day (UTC)
      first_half     boolean,           -- it is the first in which at least half of the post was watched
      ratio          double precision,  -- by how much the viewer's best ratio grew
      likes          integer,
      comments       integer,
      shares         integer,
      loops          integer,
      weight         double precision   -- what it adds to the hot score
    );
  END IF;
END $$;

-- Return watches, each with what it adds, in the order of the batch.
CREATE OR REPLACE FUNCTION vroom_private.grown_watches(
  viewer uuid, watches vroom_private.watch[], at timestamptz
) RETURNS vroom_private.grown_watch[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    WITH measured AS (
      SELECT w AS watch, grown_watches.at + w.index * interval '1 microsecond' AS watched_at,
             row_number() OVER in_order AS nth, s.post_id IS NULL AS is_new,
             (s.last_at AT TIME ZONE 'UTC')::date
               IS DISTINCT FROM (grown_watches.at AT TIME ZONE 'UTC')::date AS is_new_day,
             greatest(coalesce(s.best_ratio, 0), coalesce(max(w.watch_ratio) OVER earlier, 0)) AS best_before,
             w.liked AND NOT (coalesce(s.liked, false)
               OR coalesce(bool_or(w.liked) OVER earlier, false)) AS newly_liked,
             w.commented AND NOT (coalesce(s.commented, false)
               OR coalesce(bool_or(w.commented) OVER earlier, false)) AS newly_commented,
             w.shared AND NOT (coalesce(s.shared, false)
               OR coalesce(bool_or(w.shared) OVER earlier, false)) AS newly_shared
      FROM unnest(watches) AS w
      LEFT JOIN LATERAL (
        SELECT * FROM viewer_watches k WHERE k.user_id = viewer AND k.post_id = w.post_id LIMIT 1
      ) s ON true
      WINDOW in_order AS (PARTITION BY w.post_id ORDER BY w.index),
             earlier AS (in_order ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    SELECT array_agg((
      m.watch, m.watched_at, m.is_new AND m.nth = 1, m.is_new_day AND m.nth = 1,
      (m.watch).watch_ratio >= 0.5 AND m.best_before < 0.5, g.ratio,
      m.newly_liked::integer, m.newly_commented::integer, m.newly_shared::integer,
      vroom_private.is_replay((m.watch).play_ms, (m.watch).lasts_ms)::integer,
      g.ratio + 2 * m.newly_liked::integer + 3 * m.newly_commented::integer + 4 * m.newly_shared::integer
    )::vroom_private.grown_watch ORDER BY (m.watch).index)
    FROM measured m
    CROSS JOIN LATERAL (SELECT greatest(0, (m.watch).watch_ratio - m.best_before) AS ratio) g
  );
END
$$;

-- Keep what a viewer has given to each post. The caller holds lock_viewer, so that no other transaction adds the same
-- rows. Without ON CONFLICT a row costs one record in the log instead of two.
CREATE OR REPLACE FUNCTION vroom_private.keep_watches(
  viewer uuid, grown vroom_private.grown_watch[], at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  WITH given AS MATERIALIZED (
    SELECT (g.watch).post_id, max((g.watch).watch_ratio) AS best_ratio, bool_or((g.watch).liked) AS liked,
           bool_or((g.watch).commented) AS commented, bool_or((g.watch).shared) AS shared,
           sum(1 + g.loops)::integer AS plays,
           max(g.watched_at) FILTER (WHERE (g.watch).watch_ratio >= 0.5) AS half_watched_at
    FROM unnest(grown) AS g
    GROUP BY (g.watch).post_id
  ), known AS (
    UPDATE viewer_watches k
    SET best_ratio = greatest(k.best_ratio, g.best_ratio), liked = k.liked OR g.liked,
        commented = k.commented OR g.commented, shared = k.shared OR g.shared, plays = k.plays + g.plays,
        half_watched_at = greatest(k.half_watched_at, g.half_watched_at),
        last_at = greatest(k.last_at, keep_watches.at)
    FROM given g
    -- The list makes this a probe of the key for each post.
    WHERE k.user_id = viewer AND k.post_id = ANY (ARRAY(SELECT o.post_id FROM given o)) AND k.post_id = g.post_id
    RETURNING k.post_id
  )
  INSERT INTO viewer_watches (
    user_id, post_id, best_ratio, liked, commented, shared, plays, half_watched_at, last_at)
  SELECT viewer, g.post_id, g.best_ratio, g.liked, g.commented, g.shared, g.plays, g.half_watched_at, keep_watches.at
  FROM given g
  WHERE g.post_id NOT IN (SELECT k.post_id FROM known k)
  ORDER BY g.post_id;
END
$$;

-- Queue what watches add for the roll-up, as far as the viewer's allowance goes. In the moving averages of a
-- creator, a viewer has one vote for each post and day. This function is called before keep_watches, because it
-- reads what the viewer had watched before. What goes together are posts of which at least half was watched.
CREATE OR REPLACE FUNCTION vroom_private.queue_watches(
  viewer uuid, grown vroom_private.grown_watch[], at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer  uuid := viewer;
  v_at      timestamptz := at;
  v_cohorts text[] := vroom_private.cohorts_of(viewer, at);
  v_allowed integer := vroom_private.take_allowance(viewer, cardinality(grown));
BEGIN
  INSERT INTO engagement_queue (
    post_id, creator_id, at, plays, replays, watch_ratio, likes, comments, shares, weight,
    observed_watch_ratio, observed_like, duration_ms, after_posts, cohorts)
  SELECT (g.watch).post_id, (g.watch).creator_id, v_at, g.is_first::integer,
         (NOT g.is_first)::integer + g.loops, g.ratio, g.likes, g.comments, g.shares, g.weight,
         CASE WHEN g.is_vote THEN (g.watch).watch_ratio END, CASE WHEN g.is_vote THEN (g.watch).liked END,
         (g.watch).lasts_ms,
         CASE WHEN g.first_half THEN nullif(ARRAY(
           SELECT f.post_id
           FROM (
             SELECT (b.watch).post_id AS post_id, b.watched_at AS half_watched_at FROM unnest(grown) AS b
             WHERE (b.watch).index < (g.watch).index AND (b.watch).watch_ratio >= 0.5
             UNION ALL
             (SELECT k.post_id, k.half_watched_at FROM viewer_watches k
              WHERE k.user_id = v_viewer AND k.half_watched_at > v_at - interval '30 minutes'
              ORDER BY k.half_watched_at DESC LIMIT 4)
           ) f
           WHERE f.post_id <> (g.watch).post_id
           GROUP BY f.post_id ORDER BY max(f.half_watched_at) DESC LIMIT 3
         ), '{}') END,
         CASE WHEN g.weight >= 0.9 THEN nullif(v_cohorts, '{}') END
  FROM unnest(grown) AS g
  ORDER BY (g.watch).index
  LIMIT v_allowed;
END
$$;

-- Learn the viewer's taste for creators and tags from what watches add.
CREATE OR REPLACE FUNCTION vroom_private.learn_taste(
  viewer uuid, grown vroom_private.grown_watch[], norms double precision[], at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer  uuid := viewer;
  v_at      timestamptz := at;
  v_amounts double precision[] := ARRAY(
    SELECT (g.watch).watch_ratio - norms[vroom_private.duration_bucket((g.watch).lasts_ms) + 1]
           + g.likes + g.comments + 1.5 * g.shares
    FROM unnest(grown) WITH ORDINALITY AS g ORDER BY g.ordinality
  );
BEGIN
  PERFORM vroom_private.add_creator_affinity(
    v_viewer, ARRAY(SELECT (g.watch).creator_id FROM unnest(grown) WITH ORDINALITY AS g ORDER BY g.ordinality),
    v_amounts, v_at);
  PERFORM vroom_private.add_tag_affinity(v_viewer, array_agg(t.tag), array_agg(t.amount), v_at)
  FROM (
    SELECT e.tag, v_amounts[g.ordinality] / cardinality((g.watch).tags) AS amount
    FROM unnest(grown) WITH ORDINALITY AS g
    CROSS JOIN LATERAL unnest((g.watch).tags) AS e(tag)
  ) t;
END
$$;

-- Keep new watches as events. Their numbers continue from the viewer's number of observations so far. A creator's
-- watch of their own post has no number, because nothing is learnt from it.
CREATE OR REPLACE FUNCTION vroom_private.keep_events(
  viewer uuid, watches vroom_private.watch[], samples bigint, at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  INSERT INTO watch_events (
    user_id, event_id, post_id, play_ms, duration_ms, watch_ratio, liked, commented, shared, replay,
    nth, created_at)
  SELECT viewer, w.event_id, w.post_id, w.play_ms, w.duration_ms, w.watch_ratio, w.liked,
         w.commented, w.shared, vroom_private.is_replay(w.play_ms, w.lasts_ms),
         CASE WHEN w.creator_id <> viewer
              THEN samples + count(*) FILTER (WHERE w.creator_id <> viewer) OVER (ORDER BY w.index) END,
         keep_events.at
  FROM unnest(watches) AS w;
END
$$;

-- Record a batch of watches, and return one row for each of them, by index. The batch holds rows of the form
-- {event_id, post_id, play_ms, duration_ms, liked, commented, shared}. The outcomes are:
--   accepted      the watch was recorded
--   self_view     the watch of a creator's own post was recorded, and nothing is learnt from it
--   duplicate     the event was recorded before
--   unknown_post  there is no such post
--   bad_event     the event has no id
--   bad_duration  the duration is not positive, or is over a day
--   bad_play      the play time is negative, or is over ten times the duration
CREATE OR REPLACE FUNCTION public.record_watches(
  viewer uuid, batch jsonb, at timestamptz DEFAULT clock_timestamp()
) RETURNS TABLE (index integer, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer  uuid := viewer;
  -- An operator may load watches from long ago. Nobody watches in the future.
  v_at      timestamptz := least(
    clock_timestamp(), CASE WHEN auth.uid() IS NULL THEN at ELSE greatest(at, now() - interval '1 day') END);
  v_samples bigint;
  v_given   vroom_private.watch[];
  v_new     vroom_private.watch[] := '{}';
  v_learnt  vroom_private.watch[];
  v_grown   vroom_private.grown_watch[];
  v_norms   double precision[];
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  v_given := ARRAY(SELECT w FROM vroom_private.judged_watches(batch) AS w);

  IF EXISTS (SELECT FROM unnest(v_given) AS w WHERE w.problem IS NULL) THEN
    v_samples := vroom_private.lock_viewer(v_viewer);
    v_new := ARRAY(
      SELECT w FROM unnest(v_given) AS w
      WHERE w.problem IS NULL
        -- LIMIT makes this a probe of the key. Without it the planner could scan the viewer's history.
        AND (SELECT true FROM watch_events e WHERE e.user_id = v_viewer AND e.event_id = w.event_id LIMIT 1) IS NULL
      ORDER BY w.index
    );
    v_learnt := ARRAY(SELECT w FROM unnest(v_new) AS w WHERE w.creator_id <> v_viewer ORDER BY w.index);
    PERFORM vroom_private.keep_events(v_viewer, v_new, v_samples, v_at);

    IF cardinality(v_learnt) > 0 THEN
      v_norms := ARRAY(SELECT vroom_private.watch_norm(b::smallint) FROM generate_series(0, 4) AS b ORDER BY b);
      PERFORM vroom_private.learn_signals(v_viewer, v_learnt, v_norms, v_at);
      v_grown := vroom_private.grown_watches(v_viewer, v_learnt, v_at);
      IF vroom_private.counts_for_others(v_viewer) THEN
        PERFORM vroom_private.queue_watches(v_viewer, v_grown, v_at);
      END IF;
      PERFORM vroom_private.keep_watches(v_viewer, v_grown, v_at);
      PERFORM vroom_private.learn_taste(v_viewer, v_grown, v_norms, v_at);
    END IF;
  END IF;

  RETURN QUERY
  SELECT g.index, coalesce(g.problem, CASE WHEN n.index IS NULL THEN 'duplicate'
                                           WHEN n.creator_id = v_viewer THEN 'self_view'
                                           ELSE 'accepted' END)
  FROM unnest(v_given) AS g
  LEFT JOIN unnest(v_new) AS n ON n.index = g.index
  ORDER BY g.index;
END
$$;

-- Record one watch, given by named parameters, and return whether it was recorded by this call. Each call is an
-- event of its own, unless it names an event.
CREATE OR REPLACE FUNCTION public.record_watch_progress(
  user_id uuid, post_id uuid, play_ms integer, duration_ms integer,
  liked boolean DEFAULT false, commented boolean DEFAULT false, shared boolean DEFAULT false,
  event_id uuid DEFAULT gen_random_uuid()
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  result text;
BEGIN
  SELECT r.outcome INTO result
  FROM record_watches(
    record_watch_progress.user_id,
    jsonb_build_array(jsonb_build_object(
      'event_id', record_watch_progress.event_id, 'post_id', record_watch_progress.post_id,
      'play_ms', record_watch_progress.play_ms, 'duration_ms', record_watch_progress.duration_ms,
      'liked', record_watch_progress.liked, 'commented', record_watch_progress.commented,
      'shared', record_watch_progress.shared))
  ) r;
  CASE result
    WHEN 'accepted', 'self_view' THEN RETURN true;
    WHEN 'duplicate' THEN RETURN false;
    WHEN 'unknown_post' THEN
      RAISE EXCEPTION 'no post has this id' USING ERRCODE = 'foreign_key_violation';
    WHEN 'bad_duration' THEN
      RAISE EXCEPTION 'duration_ms must lie between 1 and a day' USING ERRCODE = 'invalid_parameter_value';
    WHEN 'bad_play' THEN
      RAISE EXCEPTION 'play_ms must lie between 0 and ten times duration_ms'
        USING ERRCODE = 'invalid_parameter_value';
    ELSE
      RAISE EXCEPTION 'event_id must not be null' USING ERRCODE = 'null_value_not_allowed';
  END CASE;
END
$$;

SELECT vroom_private.open_only_to('public.record_watches(uuid, jsonb, timestamptz)', 'vroom_app');
SELECT vroom_private.open_only_to(
  'public.record_watch_progress(uuid, uuid, integer, integer, boolean, boolean, boolean, uuid)', 'vroom_app');

COMMIT;
