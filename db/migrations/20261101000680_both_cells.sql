BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file holds what a catalogue server and its cells tell one another. docs/scaling.md explains cells. The
-- tables are empty on a server without cells.

-- The cells that are connected to this catalogue (ops/cells.py).
CREATE TABLE IF NOT EXISTS vroom_private.cells (
  cell_no      integer PRIMARY KEY CHECK (cell_no BETWEEN 1 AND 999),
  connected_at timestamptz NOT NULL DEFAULT now()
);

-- When the upkeep of the catalogue worked last. The row travels to every cell.
CREATE TABLE IF NOT EXISTS vroom_private.heartbeat (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  at       timestamptz NOT NULL
);

-- The newest heartbeat that has reached this cell.
CREATE TABLE IF NOT EXISTS vroom_private.heard (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  at       timestamptz NOT NULL,
  heard_at timestamptz NOT NULL
);

-- Viewers whose cell is not the one that their id gives, and those who are being moved to another one (ops/move.py).
-- The catalogue writes the table, and every cell has a copy of it. 0 is the catalogue itself, where it is a server
-- of kind `both`.
CREATE TABLE IF NOT EXISTS vroom_private.viewer_cells (
  user_id   uuid PRIMARY KEY,
  cell_no   integer NOT NULL CHECK (cell_no BETWEEN 0 AND 999),
  moving_to integer CHECK (moving_to BETWEEN 0 AND 999)
);

-- Viewers who have left this server, or are leaving it. Nothing is read or written here for them.
CREATE TABLE IF NOT EXISTS vroom_private.viewers_gone (
  user_id uuid PRIMARY KEY,
  to_cell integer NOT NULL
);

-- Viewers of a cell who asked to be erased, and who may have posts. The rows travel to the catalogue, which erases
-- the posts and then the row.
CREATE TABLE IF NOT EXISTS vroom_private.erasure_orders (
  order_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  creator_id uuid NOT NULL,
  ordered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS erasure_orders_by_creator ON vroom_private.erasure_orders (creator_id);

-- Creators whom the catalogue has erased. The rows travel to every cell, where other viewers' rows name them.
CREATE TABLE IF NOT EXISTS vroom_private.erased_creators (
  creator_id uuid PRIMARY KEY,
  erased_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Creators whose names this cell has still to take out of other viewers' rows.
CREATE TABLE IF NOT EXISTS vroom_private.creators_to_forget (creator_id uuid PRIMARY KEY);

-- What the catalogue has confirmed of the queue, step by step: once it has confirmed everything up to at_lsn, it
-- has all rows of transactions that are older than before_xid.
CREATE TABLE IF NOT EXISTS vroom_private.queue_marks (
  mark_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at_lsn     pg_lsn NOT NULL,
  before_xid xid8 NOT NULL,
  made_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY[
    'cells', 'heartbeat', 'heard', 'viewer_cells', 'viewers_gone', 'erasure_orders', 'erased_creators',
    'creators_to_forget', 'queue_marks'
  ] LOOP
    EXECUTE format('ALTER TABLE vroom_private.%I ENABLE ROW LEVEL SECURITY', t);
  END LOOP;
END $$;

-- Return the tables that a server of a kind publishes. A statement trigger does not fire where rows arrive by
-- replication. So the catalogue publishes, beside posts, what its triggers and its roll-up make of them.
CREATE OR REPLACE FUNCTION vroom_private.published_tables(kind text) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN kind = 'viewers'
    THEN ARRAY['public.engagement_queue', 'vroom_private.erasure_orders']
    ELSE ARRAY[
      'public.posts', 'public.post_stats', 'public.post_blocks', 'public.post_tags', 'public.post_covisits',
      'public.post_heat', 'public.heat_mix', 'public.cohort_posts', 'public.watch_norms', 'public.creator_quality',
      'public.feature_flags', 'public.hot_scale', 'public.feed_settings', 'public.post_reviews', 'public.uploads',
      'vroom_private.heartbeat', 'vroom_private.erased_creators', 'vroom_private.viewer_cells']
  END
$$;

-- Note what arrives by replication. These are row triggers that fire always, because statement triggers do not fire
-- there.
CREATE OR REPLACE FUNCTION vroom_private.heartbeat_arrived() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF vroom_private.server_kind() = 'viewers' THEN
    INSERT INTO vroom_private.heard AS h (at, heard_at) VALUES (new.at, clock_timestamp())
    ON CONFLICT (only_row) DO UPDATE SET at = excluded.at, heard_at = excluded.heard_at;
  END IF;
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER heartbeat_arrived AFTER INSERT OR UPDATE ON vroom_private.heartbeat
  FOR EACH ROW EXECUTE FUNCTION vroom_private.heartbeat_arrived();
ALTER TABLE vroom_private.heartbeat ENABLE ALWAYS TRIGGER heartbeat_arrived;

CREATE OR REPLACE FUNCTION vroom_private.erased_creator_arrived() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF vroom_private.server_kind() = 'viewers' THEN
    INSERT INTO vroom_private.creators_to_forget (creator_id) VALUES (new.creator_id) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER erased_creator_arrived AFTER INSERT OR UPDATE ON vroom_private.erased_creators
  FOR EACH ROW EXECUTE FUNCTION vroom_private.erased_creator_arrived();
ALTER TABLE vroom_private.erased_creators ENABLE ALWAYS TRIGGER erased_creator_arrived;

-- Return for how many seconds this cell has heard nothing newer from the catalogue, how long the newest news took to
-- arrive, by the two servers' clocks, and for how many seconds the catalogue has confirmed no events although there
-- may be some. All are null on every other server.
CREATE OR REPLACE FUNCTION public.cell_lag(
  OUT age_s double precision, OUT delay_s double precision, OUT unsent_s double precision
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  IF vroom_private.server_kind() = 'viewers' THEN
    SELECT extract(epoch FROM clock_timestamp() - h.at), greatest(0, extract(epoch FROM h.heard_at - h.at))
    INTO age_s, delay_s
    FROM vroom_private.heard h;
    SELECT coalesce(extract(epoch FROM clock_timestamp() - min(m.made_at)), 0) INTO unsent_s
    FROM vroom_private.queue_marks m
    WHERE m.at_lsn > coalesce(
      (SELECT r.confirmed_flush_lsn FROM vroom_private.server s
       JOIN pg_replication_slots r ON r.slot_name = s.sends_by AND r.database = current_database()), '0/0');
  END IF;
END
$$;

-- Return the cell of a viewer who was moved, and whether the viewer is being moved now. Whatever sends viewers to
-- their cells asks this; cell_no is null for a viewer whose id gives the cell.
CREATE OR REPLACE FUNCTION public.viewer_cell(viewer uuid, OUT cell_no integer, OUT moving boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  SELECT v.cell_no, v.moving_to IS NOT NULL INTO viewer_cell.cell_no, moving
  FROM vroom_private.viewer_cells v WHERE v.user_id = viewer;
END
$$;

-- Raise an error if a viewer has left this server. The error is one after which a caller may try again, since the
-- viewer's requests reach another cell soon.
CREATE OR REPLACE FUNCTION vroom_private.assert_here(viewer uuid) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM vroom_private.viewers_gone g WHERE g.user_id = viewer) THEN
    RAISE EXCEPTION 'this viewer belongs to another cell' USING ERRCODE = 'serialization_failure';
  END IF;
END
$$;

-- Raise the same error for the viewer who writes a table directly.
CREATE OR REPLACE FUNCTION vroom_private.assert_caller_here() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_here(auth.uid());
  RETURN NULL;
END
$$;

-- Return whether an operator's transaction moves rows of a viewer who is the same before and after. The triggers
-- then count nothing, because everything was counted where the rows come from.
CREATE OR REPLACE FUNCTION vroom_private.is_move() RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN coalesce(current_setting('vroom.move', true), '') = 'on' AND auth.uid() IS NULL
    AND pg_has_role(
      coalesce(nullif(current_setting('role', true), 'none'), session_user::text), current_user, 'MEMBER');
END
$$;

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'published_tables(text)', 'heartbeat_arrived()', 'erased_creator_arrived()', 'assert_here(uuid)',
    'assert_caller_here()', 'is_move()'
  ] LOOP
    PERFORM vroom_private.open_only_to(('vroom_private.' || f)::regprocedure, NULL);
  END LOOP;
END $$;
SELECT vroom_private.open_only_to('public.cell_lag()', 'vroom_app');
SELECT vroom_private.open_only_to('public.viewer_cell(uuid)', 'vroom_app');

COMMIT;
