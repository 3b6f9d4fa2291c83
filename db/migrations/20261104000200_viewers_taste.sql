BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file keeps whom a viewer follows, what they watched and asked for, and what is learnt of them.
--
-- All of it changes under the lock of the viewer's row in user_interest_signals, which is taken first. Rows of
-- other tables are then locked in the order of their keys.

CREATE TABLE IF NOT EXISTS public.follows (
  follower_id uuid NOT NULL,
  creator_id  uuid NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (follower_id, creator_id)
);
SELECT vroom_private.require_columns('public.follows', ARRAY['follower_id', 'creator_id', 'created_at']);

CREATE TABLE IF NOT EXISTS public.user_interest_signals (
  user_id              uuid PRIMARY KEY,
  like_rate            double precision NOT NULL DEFAULT 0,
  avg_watch_ratio      double precision NOT NULL DEFAULT 0,
  comment_rate         double precision NOT NULL DEFAULT 0,
  share_rate           double precision NOT NULL DEFAULT 0,
  freshness_preference double precision NOT NULL DEFAULT 0.5  -- 0: any age is welcome; 1: only new posts
                       CHECK (freshness_preference BETWEEN 0 AND 1),
  samples              bigint NOT NULL DEFAULT 0,
  updated_at           timestamptz NOT NULL DEFAULT now()
);

-- One row for each watch, as the client sent it. It makes a retry harmless, and the feed learns from it.
CREATE TABLE IF NOT EXISTS public.watch_events (
  user_id     uuid NOT NULL,
  event_id    uuid NOT NULL,
  post_id     uuid NOT NULL,
  play_ms     integer NOT NULL,
  duration_ms integer NOT NULL,
  watch_ratio double precision NOT NULL,  -- the play time divided by the duration, at most 1
  liked       boolean NOT NULL,
  commented   boolean NOT NULL,
  shared      boolean NOT NULL,
  replay      boolean NOT NULL,           -- it was played for longer than it lasts
  nth         bigint,                     -- the place among the viewer's observations; null: a self-view
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, event_id)
);
CREATE INDEX IF NOT EXISTS watch_events_by_age ON public.watch_events (created_at);

-- What a viewer has given a post so far. A further watch counts only as far as it adds to this.
CREATE TABLE IF NOT EXISTS public.viewer_watches (
  user_id     uuid NOT NULL,
  post_id     uuid NOT NULL,
  best_ratio  double precision NOT NULL DEFAULT 0,
  liked       boolean NOT NULL DEFAULT false,
  commented   boolean NOT NULL DEFAULT false,
  shared      boolean NOT NULL DEFAULT false,
  plays       integer NOT NULL DEFAULT 0,
  half_watched_at timestamptz,  -- when at least half of it was last watched
  last_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, post_id)
) WITH (fillfactor = 90);
CREATE INDEX IF NOT EXISTS viewer_watches_half ON public.viewer_watches (user_id, half_watched_at DESC)
  WHERE half_watched_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS viewer_watches_by_age ON public.viewer_watches (last_at);

-- A viewer's taste, from what they did and asked for. Each value is signed, halves with time, and holds as of
-- `at`.
CREATE TABLE IF NOT EXISTS public.viewer_creator_affinity (
  user_id    uuid NOT NULL,
  creator_id uuid NOT NULL,
  value      double precision NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, creator_id)
) WITH (fillfactor = 80);
CREATE TABLE IF NOT EXISTS public.viewer_tag_affinity (
  user_id uuid NOT NULL,
  tag     text NOT NULL,
  value   double precision NOT NULL,
  at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, tag)
) WITH (fillfactor = 80);

-- The device on which and the time of day at which a viewer last asked for a page. Together with the viewer's
-- strongest tag, these give the viewer's cohort. `prepared` names the last pages for which claim_queue was given.
CREATE TABLE IF NOT EXISTS public.viewer_context (
  user_id    uuid PRIMARY KEY,
  device     text NOT NULL,
  daypart    text NOT NULL CHECK (daypart IN ('night', 'morning', 'midday', 'afternoon', 'evening', 'late')),
  updated_at timestamptz NOT NULL DEFAULT now(),
  prepared   uuid[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 80);

-- What viewers asked for: one row for each target, which is in force while undone_at is null.
CREATE TABLE IF NOT EXISTS public.feedback (
  user_id    uuid NOT NULL,
  id         uuid NOT NULL DEFAULT gen_random_uuid(),
  action     text NOT NULL CHECK (action IN ('not_interested', 'hide_creator', 'report')),
  post_id    uuid,
  creator_id uuid,
  target     uuid NOT NULL GENERATED ALWAYS AS (  -- the id by which a feedback is looked up
               CASE action WHEN 'hide_creator' THEN creator_id ELSE coalesce(post_id, creator_id) END) STORED,
  taken      jsonb NOT NULL DEFAULT '{}',  -- what was taken off affinities; it is given back when undone
  counted    boolean NOT NULL DEFAULT false,  -- it has counted as a report; given back when undone or erased
  revision   bigint GENERATED BY DEFAULT AS IDENTITY,  -- it grows at every change, and tells what a queue knew
  created_at timestamptz NOT NULL DEFAULT now(),  -- when it was first given
  undone_at  timestamptz,
  PRIMARY KEY (user_id, id),
  CHECK (action <> 'not_interested' OR post_id IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS feedback_once ON public.feedback (user_id, action, target);
-- Retrieval and commit_page look single targets up by feedback_once. Other indexes begin with user_id, too. Where
-- statistics said that a viewer has one row, the planner took them to be as good, and read all rows of the viewer
-- for each target. Without statistics it expects a two-hundredth of the table for a viewer, so that only the lookup
-- by the whole key is cheap. For the same reason there is no index on (user_id, action).
ALTER TABLE public.feedback ALTER COLUMN user_id SET STATISTICS 0;
CREATE INDEX IF NOT EXISTS feedback_revisions ON public.feedback (user_id, revision);
CREATE INDEX IF NOT EXISTS feedback_by_age ON public.feedback (created_at, id);  -- retire_feedback reads it
CREATE INDEX IF NOT EXISTS feedback_reports ON public.feedback (post_id) WHERE counted;  -- reported_posts reads it

SELECT vroom_private.protect('public.follows');
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM vroom_private.adopted_tables a WHERE a.name = 'public.follows') THEN
    CREATE OR REPLACE TRIGGER follows_here BEFORE INSERT OR UPDATE OR DELETE ON public.follows
      FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.assert_caller_here();
  END IF;
END $$;
ALTER TABLE public.user_interest_signals ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.watch_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.viewer_watches ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.viewer_creator_affinity ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.viewer_tag_affinity ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.viewer_context ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.feedback ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "manage_own_follows" ON public.follows;
CREATE POLICY "manage_own_follows" ON public.follows
  FOR ALL USING (follower_id = (SELECT auth.uid()));
SELECT vroom_private.confine_policy('public.follows', 'manage_own_follows');

DROP POLICY IF EXISTS "read_own_signals" ON public.user_interest_signals;
CREATE POLICY "read_own_signals" ON public.user_interest_signals
  FOR SELECT USING (user_id = (SELECT auth.uid()));

-- Only give_feedback writes this table. A viewer who could delete a report could report again, and count twice.
DROP POLICY IF EXISTS "read_own_feedback" ON public.feedback;
CREATE POLICY "read_own_feedback" ON public.feedback
  FOR SELECT USING (user_id = (SELECT auth.uid()));

GRANT SELECT ON public.user_interest_signals, public.feedback TO vroom_app;
GRANT SELECT, INSERT, DELETE ON public.follows TO vroom_app;

-- Lock what is learnt of a viewer until the transaction ends, and return how many observations there were.
CREATE OR REPLACE FUNCTION vroom_private.lock_viewer(viewer uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_samples bigint;
BEGIN
  LOOP
    SELECT s.samples INTO v_samples FROM user_interest_signals s WHERE s.user_id = viewer FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    -- Where another transaction has inserted the row first, nothing is inserted here. An erasure may delete that row
    -- before the next turn has locked it, so only a row that was found counts as locked.
    INSERT INTO user_interest_signals (user_id) VALUES (viewer) ON CONFLICT DO NOTHING;
  END LOOP;
  RETURN v_samples;
END
$$;

-- Return an affinity as of a later time. It halves in 14 days and stays in [-5, 5].
CREATE OR REPLACE FUNCTION vroom_private.affinity_at(value double precision, since timestamptz, at timestamptz)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN vroom_private.decayed(value, since, at, interval '14 days');

-- Return the cohorts to which a viewer belongs: their device and daypart, and the same with the tag that they like
-- best. There are none before the viewer's first page.
CREATE OR REPLACE FUNCTION vroom_private.cohorts_of(viewer uuid, at timestamptz) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(c.device || '/' || c.daypart || '/' || t.tag ORDER BY t.tag <> ''), '{}')
    FROM viewer_context c
    CROSS JOIN LATERAL (
      SELECT '' AS tag
      UNION ALL
      (SELECT a.tag FROM viewer_tag_affinity a
       WHERE a.user_id = viewer AND a.value > 0
       ORDER BY vroom_private.affinity_at(a.value, a.at, cohorts_of.at) DESC, a.tag LIMIT 1)
    ) t
    WHERE c.user_id = viewer
  );
END
$$;

COMMIT;
