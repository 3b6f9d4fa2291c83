BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file keeps what a viewer saw. The viewer comes first in the key of every table here, so that the tables can
-- be hash-distributed by viewer. No query on a hot path reads the rows of several viewers.

-- One row for each impression. The promise that no post is repeated rests on this table. There is no foreign key
-- to posts, because its row lock would make a viral post one hot row. The functions that write look the post up
-- instead.
CREATE TABLE IF NOT EXISTS public.user_post_impressions (
  user_id    uuid NOT NULL,
  event_id   uuid NOT NULL DEFAULT gen_random_uuid(),  -- the client chooses it, so that a retry is harmless
  post_id    uuid NOT NULL,
  seen_at    timestamptz NOT NULL DEFAULT now() CHECK (isfinite(seen_at)),
  source     text NOT NULL DEFAULT 'unknown',
  score      double precision,
  session_id uuid,
  position   smallint,
  visible_ms integer,
  variant    text,  -- the variant of the experiment with which the session's page was ranked
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, event_id)
);
CREATE INDEX IF NOT EXISTS impressions_by_post ON public.user_post_impressions (user_id, post_id);
CREATE INDEX IF NOT EXISTS impressions_by_age ON public.user_post_impressions (created_at);

-- When a viewer last saw a post. There is one row for each viewer and post, however often the viewer saw the post.
-- One probe of the key tells whether a post is unseen. The head of the other index holds what the viewer saw the
-- longest ago.
CREATE TABLE IF NOT EXISTS public.viewer_last_seen (
  user_id uuid NOT NULL,
  post_id uuid NOT NULL,
  seen_at timestamptz NOT NULL,
  -- INCLUDE lets a probe by post do without the table.
  PRIMARY KEY (user_id, post_id) INCLUDE (seen_at)
) WITH (fillfactor = 90);
CREATE INDEX IF NOT EXISTS last_seen_by_time ON public.viewer_last_seen (user_id, seen_at);

-- One bit for each post of which an impression of the viewer is stored, in blocks of 1,024 posts. The bits are
-- exact. Together with post_blocks they answer which posts the viewer has not seen, without reading the viewer's
-- history.
CREATE TABLE IF NOT EXISTS public.viewer_seen (
  user_id  uuid NOT NULL,
  block_no bigint NOT NULL,
  seen     bit(1024) NOT NULL,
  PRIMARY KEY (user_id, block_no)
) WITH (fillfactor = 70);

-- Viewers whose history was removed, under a mark that names nobody. Until counts_again_at, which is a cooldown
-- later, what these viewers do counts for nobody else. Without this rule a viewer could have the history removed
-- again and again, and count for a post as often as they like.
CREATE TABLE IF NOT EXISTS public.erasures (
  mark            uuid PRIMARY KEY,
  counts_again_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS erasures_by_end ON public.erasures (counts_again_at);

ALTER TABLE public.user_post_impressions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.viewer_last_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.viewer_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.erasures ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "manage_own_impressions" ON public.user_post_impressions;
CREATE POLICY "manage_own_impressions" ON public.user_post_impressions
  FOR ALL USING (auth.uid() = user_id);

GRANT SELECT, INSERT, DELETE ON public.user_post_impressions TO vroom_app;

CREATE OR REPLACE FUNCTION vroom_private.erasure_mark(viewer uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(substr(sha256(uuid_send(viewer)), 1, 16), 'hex')::uuid;

CREATE OR REPLACE FUNCTION vroom_private.counts_for_others(viewer uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN NOT EXISTS (
    SELECT FROM erasures e
    WHERE e.mark = vroom_private.erasure_mark(viewer) AND e.counts_again_at > now());
END
$$;

-- Make what these viewers do count for nobody else until a given time.
CREATE OR REPLACE FUNCTION vroom_private.mark_forgotten(viewers uuid[], until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  INSERT INTO erasures AS e (mark, counts_again_at)
  SELECT vroom_private.erasure_mark(v.viewer), until FROM unnest(viewers) AS v(viewer) GROUP BY 1, 2 ORDER BY 1
  ON CONFLICT (mark) DO UPDATE SET counts_again_at = greatest(e.counts_again_at, excluded.counts_again_at);
END
$$;

-- Lock the histories of viewers, so that only one transaction at a time writes a viewer's history. An update
-- removes and adds rows in more than one order, so two such writers could deadlock. There are at most 1,024
-- different locks, so that a statement that loads the impressions of all viewers does not fill the server's table
-- of locks.
CREATE OR REPLACE FUNCTION vroom_private.lock_histories(viewers uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('viewer_history'), locks.slot)
  FROM (SELECT DISTINCT hashtext(v::text) & 1023 AS slot FROM unnest(viewers) AS v ORDER BY 1) locks;
END
$$;

-- How many events a viewer may still add to the figures that all viewers share, as of `at`.
CREATE TABLE IF NOT EXISTS public.viewer_allowance (
  user_id uuid PRIMARY KEY,
  events  double precision NOT NULL,
  at      timestamptz NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE public.viewer_allowance ENABLE ROW LEVEL SECURITY;

-- Take up to `wanted` events off a viewer's allowance, and return how many were taken. The allowance keeps a
-- single client from giving the roll-up more events than it can count. An operator comes without claims and has no
-- such bound.
CREATE OR REPLACE FUNCTION vroom_private.take_allowance(viewer uuid, wanted integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now      timestamptz := clock_timestamp();
  v_settings feed_settings;
  v_left     double precision;
BEGIN
  IF auth.uid() IS NULL OR wanted <= 0 THEN
    RETURN wanted;
  END IF;
  SELECT * INTO STRICT v_settings FROM feed_settings;
  INSERT INTO viewer_allowance (user_id, events, at) VALUES (viewer, v_settings.events_at_once, v_now)
  ON CONFLICT DO NOTHING;
  SELECT least(
    v_settings.events_at_once,
    a.events + v_settings.events_per_second * greatest(0, extract(epoch FROM v_now - a.at)::double precision))
  INTO v_left
  FROM viewer_allowance a WHERE a.user_id = viewer FOR NO KEY UPDATE;
  v_left := least(wanted, floor(v_left));
  UPDATE viewer_allowance a
  SET events = least(
        v_settings.events_at_once,
        a.events + v_settings.events_per_second * greatest(0, extract(epoch FROM v_now - a.at)::double precision)
      ) - v_left,
      at = greatest(a.at, v_now)
  WHERE a.user_id = viewer;
  RETURN v_left;
END
$$;

-- Correct the times of an impression by the server's clock, whoever writes the impression. Nobody has seen a post
-- in the future, and a viewer cannot decide when a row was written. A viewer's impression cannot be older than the
-- time for which a page is kept. One that claims to be older comes from a wrong clock and counts as of now.
CREATE OR REPLACE FUNCTION vroom_private.correct_times() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT isfinite(new.seen_at) THEN
    RETURN new;  -- an infinite value is no time, and the table refuses it
  END IF;
  new.seen_at := least(new.seen_at, now());
  IF auth.uid() IS NOT NULL THEN
    new.created_at := CASE WHEN TG_OP = 'INSERT' THEN now() ELSE old.created_at END;
    IF new.seen_at < now() - interval '30 days' THEN
      new.seen_at := now();
    END IF;
  END IF;
  RETURN new;
END
$$;

-- Keep viewer_last_seen and viewer_seen in step with new impressions, whoever writes them, and queue the
-- impressions for the roll-up.
CREATE OR REPLACE FUNCTION vroom_private.impressions_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_viewers uuid[] := ARRAY(SELECT DISTINCT i.user_id FROM new_impressions i);
BEGIN
  IF vroom_private.is_move() THEN
    RETURN NULL;  -- the rows that this trigger writes are moved as well
  END IF;
  PERFORM vroom_private.lock_histories(v_viewers);
  v_viewers := ARRAY(SELECT v.id FROM unnest(v_viewers) AS v(id) WHERE vroom_private.counts_for_others(v.id));

  -- A viewer's first impression of a post counts, as far as the viewer's allowance goes. Impressions of the
  -- viewer's own posts do not count.
  WITH first AS MATERIALIZED (
    SELECT i.user_id, s.post_id, s.creator_id, i.seen_at,
           row_number() OVER (PARTITION BY i.user_id ORDER BY i.seen_at, s.post_id) AS nth
    FROM (SELECT n.user_id, n.post_id, min(n.seen_at) AS seen_at FROM new_impressions n GROUP BY 1, 2) i
    -- LIMIT makes this and the next a probe of a key. Without it the planner could scan all posts, or the histories
    -- of all viewers.
    CROSS JOIN LATERAL (SELECT * FROM post_stats q WHERE q.post_id = i.post_id LIMIT 1) s
    WHERE s.creator_id <> i.user_id AND i.user_id = ANY (v_viewers) AND (
      SELECT true FROM viewer_last_seen v WHERE v.user_id = i.user_id AND v.post_id = i.post_id LIMIT 1
    ) IS NULL
  ),
  allowed AS MATERIALIZED (
    SELECT f.user_id, vroom_private.take_allowance(f.user_id, count(*)::integer) AS events
    FROM first f GROUP BY f.user_id
  )
  INSERT INTO engagement_queue (post_id, creator_id, at, impressions)
  SELECT f.post_id, f.creator_id, f.seen_at, 1
  FROM first f JOIN allowed a ON a.user_id = f.user_id AND f.nth <= a.events;

  INSERT INTO viewer_last_seen AS v (user_id, post_id, seen_at)
  SELECT i.user_id, i.post_id, max(i.seen_at)
  FROM new_impressions i
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (user_id, post_id) DO UPDATE SET seen_at = excluded.seen_at
  WHERE excluded.seen_at > v.seen_at;

  INSERT INTO viewer_seen AS v (user_id, block_no, seen)
  SELECT i.user_id, s.post_no >> 10, bit_or(vroom_private.bit_of(s.post_no))
  FROM new_impressions i
  CROSS JOIN LATERAL (SELECT q.post_no FROM post_stats q WHERE q.post_id = i.post_id LIMIT 1) s
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (user_id, block_no) DO UPDATE SET seen = v.seen | excluded.seen
  WHERE v.seen | excluded.seen <> v.seen;
  RETURN NULL;
END
$$;

-- Keep viewer_last_seen and viewer_seen in step when impressions are deleted. The impressions that remain of the
-- same viewer and post decide what the two tables say.
CREATE OR REPLACE FUNCTION vroom_private.impressions_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF vroom_private.is_move() THEN
    RETURN NULL;
  END IF;
  PERFORM vroom_private.lock_histories(ARRAY(SELECT DISTINCT i.user_id FROM old_impressions i));
  -- A viewer who removes impressions before their time could add them again, and so count for a post once more.
  PERFORM vroom_private.mark_forgotten(recent.viewers, now() + f.cooldown)
  FROM feed_settings f
  CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT i.user_id) AS viewers FROM old_impressions i
    WHERE i.created_at > now() - f.cooldown
  ) recent
  WHERE auth.uid() IS NOT NULL AND recent.viewers IS NOT NULL;

  UPDATE viewer_last_seen v SET seen_at = left_over.seen_at
  FROM (
    SELECT i.user_id, i.post_id, max(i.seen_at) AS seen_at
    FROM user_post_impressions i
    JOIN (SELECT DISTINCT o.user_id, o.post_id FROM old_impressions o) gone USING (user_id, post_id)
    GROUP BY 1, 2
  ) left_over
  WHERE v.user_id = left_over.user_id AND v.post_id = left_over.post_id
    AND v.seen_at <> left_over.seen_at;

  DELETE FROM viewer_last_seen v
  USING (SELECT DISTINCT o.user_id, o.post_id FROM old_impressions o) gone
  WHERE v.user_id = gone.user_id AND v.post_id = gone.post_id
    AND NOT EXISTS (
      SELECT FROM user_post_impressions i WHERE i.user_id = v.user_id AND i.post_id = v.post_id
    );

  UPDATE viewer_seen v SET seen = v.seen & ~gone.bits
  FROM (
    SELECT i.user_id, s.post_no >> 10 AS block_no, bit_or(vroom_private.bit_of(s.post_no)) AS bits
    FROM old_impressions i
    JOIN post_stats s ON s.post_id = i.post_id
    WHERE NOT EXISTS (
      SELECT FROM user_post_impressions other
      WHERE other.user_id = i.user_id AND other.post_id = i.post_id
    )
    GROUP BY 1, 2
  ) gone
  WHERE v.user_id = gone.user_id AND v.block_no = gone.block_no;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION vroom_private.impressions_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  DELETE FROM viewer_last_seen;
  DELETE FROM viewer_seen;
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER impressions_0_here BEFORE INSERT OR UPDATE OR DELETE ON public.user_post_impressions
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.assert_caller_here();
CREATE OR REPLACE TRIGGER impressions_0_times BEFORE INSERT OR UPDATE ON public.user_post_impressions
  FOR EACH ROW EXECUTE FUNCTION vroom_private.correct_times();

-- An update counts as a deletion and an insertion. Triggers of one event fire in the order of their names.
CREATE OR REPLACE TRIGGER impressions_1_deleted AFTER DELETE ON public.user_post_impressions
  REFERENCING OLD TABLE AS old_impressions
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.impressions_deleted();
CREATE OR REPLACE TRIGGER impressions_1_updated_from AFTER UPDATE ON public.user_post_impressions
  REFERENCING OLD TABLE AS old_impressions
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.impressions_deleted();
CREATE OR REPLACE TRIGGER impressions_2_updated_to AFTER UPDATE ON public.user_post_impressions
  REFERENCING NEW TABLE AS new_impressions
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.impressions_inserted();
CREATE OR REPLACE TRIGGER impressions_2_inserted AFTER INSERT ON public.user_post_impressions
  REFERENCING NEW TABLE AS new_impressions
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.impressions_inserted();
CREATE OR REPLACE TRIGGER impressions_truncated AFTER TRUNCATE ON public.user_post_impressions
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.impressions_truncated();

SELECT vroom_private.open_only_to('vroom_private.correct_times()', NULL);
SELECT vroom_private.open_only_to('vroom_private.impressions_inserted()', NULL);
SELECT vroom_private.open_only_to('vroom_private.impressions_deleted()', NULL);
SELECT vroom_private.open_only_to('vroom_private.impressions_truncated()', NULL);

COMMIT;
