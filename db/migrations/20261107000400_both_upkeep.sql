BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- The upkeep calls begin_upkeep, count_events and prune on every kind of server. What they do there is decided here
-- and in prune, so that the functions need not know which kind of server they use.

-- A cell does not count its events. It keeps them until the catalogue has them for certain, and then removes them:
-- at most `max_rows`, and returns how many. queue_marks says how far the catalogue has confirmed what it was sent. A
-- row counts as sent where its transaction had ended before a mark was made, since its commit then lies before the
-- mark's place in the log.
CREATE OR REPLACE FUNCTION vroom_private.remove_sent(max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_confirmed pg_lsn;
  v_mark      vroom_private.queue_marks;
  v_removed   integer := 0;
BEGIN
  SELECT r.confirmed_flush_lsn INTO v_confirmed
  FROM vroom_private.server s
  JOIN pg_replication_slots r ON r.slot_name = s.sends_by AND r.database = current_database();
  IF v_confirmed IS NULL THEN
    RETURN 0;
  END IF;
  SELECT * INTO v_mark FROM vroom_private.queue_marks m
  WHERE m.at_lsn <= v_confirmed ORDER BY m.mark_no DESC LIMIT 1;
  IF FOUND THEN
    DELETE FROM engagement_queue q WHERE q.ctid = ANY (ARRAY(
      SELECT o.ctid FROM engagement_queue o WHERE age(o.xmin) > age(v_mark.before_xid::xid)
      ORDER BY o.queue_no LIMIT least(10000, greatest(0, max_rows))));
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    DELETE FROM vroom_private.erasure_orders o WHERE age(o.xmin) > age(v_mark.before_xid::xid);
    DELETE FROM vroom_private.queue_marks m WHERE m.mark_no < v_mark.mark_no;
  END IF;
  -- The snapshot is taken before the place in the log is read. One mark at a time waits for its confirmation.
  INSERT INTO vroom_private.queue_marks (at_lsn, before_xid)
  SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmin(pg_current_snapshot())
  WHERE NOT EXISTS (SELECT FROM vroom_private.queue_marks m WHERE m.at_lsn > v_confirmed);
  RETURN v_removed;
END
$$;

-- Take erased creators out of the rows of this cell's viewers, at most about `max_rows` rows.
CREATE OR REPLACE FUNCTION vroom_private.forget_creators(max_rows integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_left    integer := max_rows;
  v_creator uuid;
BEGIN
  FOR v_creator IN SELECT c.creator_id FROM vroom_private.creators_to_forget c LIMIT 100 LOOP
    EXIT WHEN v_left <= 0;
    v_left := v_left - 1 - vroom_private.rows_of(vroom_private.erase_names(v_creator, v_left));
    DELETE FROM vroom_private.creators_to_forget c
    WHERE c.creator_id = v_creator AND NOT vroom_private.is_named(
      v_creator, ARRAY['follows', 'feedback', 'viewer_creator_affinity', 'engagement_queue']);
  END LOOP;
END
$$;

-- Do what a run of the upkeep does once, before any share of it counts events. A catalogue sends its heartbeat,
-- carries out orders of erasure, and publishes posts whose time has come. A cell takes erased creators out of its rows.
-- Each works on at most about `max_rows` rows. While another run counts events, most of it is left to that run.
--
-- `waiting` says how many events wait to be counted, 64 times `max_rows` at most. By it the upkeep divides the queue.
-- `from_no` is the lowest number of these. Both are 0 on a cell, which counts none, and where none waits.
CREATE OR REPLACE FUNCTION public.begin_upkeep(max_rows integer, OUT waiting integer, OUT from_no bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_is_cell   boolean := vroom_private.server_kind() = 'viewers';
  v_has_cells boolean := EXISTS (SELECT FROM vroom_private.cells);
BEGIN
  waiting := 0;
  from_no := 0;
  PERFORM vroom_private.assert_no_viewer();
  IF NOT v_is_cell THEN
    from_no := coalesce((SELECT q.queue_no FROM engagement_queue q ORDER BY q.queue_no LIMIT 1), 0);
    waiting := (SELECT count(*) FROM (
      SELECT FROM engagement_queue q WHERE q.queue_no >= begin_upkeep.from_no
      LIMIT 64 * least(10000, greatest(0, max_rows))) w);
  END IF;
  IF v_has_cells AND NOT v_is_cell THEN
    INSERT INTO vroom_private.heartbeat AS h (at) VALUES (clock_timestamp())
    ON CONFLICT (only_row) DO UPDATE SET at = excluded.at;
  END IF;
  IF NOT vroom_private.try_lock_task('roll_up') THEN
    RETURN;
  END IF;
  IF v_is_cell THEN
    PERFORM vroom_private.forget_creators(max_rows);
    RETURN;
  END IF;
  -- Erasures lock uploads, and every transaction locks these before posts.
  IF v_has_cells THEN
    PERFORM vroom_private.carry_out_erasures(max_rows);
  END IF;
  PERFORM vroom_private.publish_due(max_rows);
END
$$;

-- Do what the upkeep does with events, and return it as roll_up does. A catalogue counts those of a share. A cell
-- removes those that the catalogue has, and `events` then says how many. Its first share does all of that.
CREATE OR REPLACE FUNCTION public.count_events(
  max_rows integer, share integer DEFAULT 0, of_shares integer DEFAULT 1, from_no bigint DEFAULT 0
)
RETURNS TABLE (busy boolean, events integer, posts integer, held integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  IF vroom_private.server_kind() <> 'viewers' THEN
    RETURN QUERY SELECT r.* FROM public.roll_up(max_rows, share, of_shares, from_no) AS r;
    RETURN;
  END IF;
  busy := share = 0 AND NOT vroom_private.try_lock_task('roll_up');
  events := CASE WHEN share = 0 AND NOT busy THEN vroom_private.remove_sent(max_rows) ELSE 0 END;
  posts := 0;
  held := 0;
  RETURN NEXT;
END
$$;

-- What belongs to a catalogue refuses on a cell by name. Counted there, an event would count twice.
DO $$
DECLARE
  f record;
BEGIN
  IF vroom_private.server_kind() = 'viewers' THEN
    FOR f IN
      SELECT * FROM (VALUES
        ('roll_up(max_rows integer, share integer DEFAULT 0, of_shares integer DEFAULT 1, from_no bigint DEFAULT 0)'
         ' RETURNS TABLE (busy boolean, events integer, posts integer, held integer)',
         'roll_up(integer, integer, integer, bigint)'),
        ('review_post(post uuid, verdict text) RETURNS void', 'review_post(uuid, text)'),
        ('set_hot_half_life(half_life interval) RETURNS void', 'set_hot_half_life(interval)'),
        ('set_heat_mix(weights double precision[], learning boolean DEFAULT NULL,'
         ' neighbours double precision DEFAULT NULL) RETURNS void',
         'set_heat_mix(double precision[], boolean, double precision)')
      ) AS v(declared, called)
    LOOP
      EXECUTE format(
        'CREATE OR REPLACE FUNCTION public.%s LANGUAGE plpgsql SECURITY DEFINER'
        ' SET search_path = pg_catalog, pg_temp AS $f$ BEGIN'
        ' PERFORM vroom_private.assert_kind(''catalogue''); END $f$', f.declared);
      PERFORM vroom_private.open_only_to(('public.' || f.called)::regprocedure, NULL);
    END LOOP;
  END IF;
END $$;

-- Return for how many seconds the oldest open transaction has kept dead rows. A transaction of this database does so
-- from its first statement on, also while it is idle. One of another database does so once it has written: scans and
-- pages then take the rows that died since for living ones, and only a vacuum knows better. The result is null where
-- the owner of the schema may not see the sessions of others (pg_read_all_stats).
CREATE OR REPLACE FUNCTION public.oldest_snapshot(OUT age_s double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  IF pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - o.since)), 0) INTO age_s
    FROM (
      SELECT a.xact_start AS since FROM pg_stat_activity a
      WHERE a.pid <> pg_backend_pid()
        -- The snapshot of a vacuum keeps nothing.
        AND a.backend_type <> 'autovacuum worker'
        AND (a.backend_xid IS NOT NULL OR a.datname = current_database() AND a.backend_xmin IS NOT NULL)
      UNION ALL
      SELECT p.prepared FROM pg_prepared_xacts p
    ) o;
  END IF;
END
$$;

-- Return for how many seconds the oldest event has waited to be counted, and 0 where none waits. The result is null
-- on a cell, which counts none.
CREATE OR REPLACE FUNCTION public.queue_age(OUT age_s double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  IF vroom_private.server_kind() <> 'viewers' THEN
    age_s := coalesce(greatest(0, extract(epoch FROM clock_timestamp()
      - (SELECT q.at FROM engagement_queue q ORDER BY q.queue_no LIMIT 1))), 0);
  END IF;
END
$$;

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['remove_sent(integer)', 'forget_creators(integer)'] LOOP
    PERFORM vroom_private.open_only_to(('vroom_private.' || f)::regprocedure, NULL);
  END LOOP;
END $$;
SELECT vroom_private.open_only_to('public.begin_upkeep(integer)', 'vroom_app');
SELECT vroom_private.open_only_to('public.count_events(integer, integer, integer, bigint)', 'vroom_app');
SELECT vroom_private.open_only_to('public.oldest_snapshot()', 'vroom_app');
SELECT vroom_private.open_only_to('public.queue_age()', 'vroom_app');

COMMIT;
