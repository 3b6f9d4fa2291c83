BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- The rules that the owner of the schema sets, in one row. The functions' roles read them and cannot change them.
--
-- The columns about pages are the settings of the feed function under the same names. An operator who changes one
-- in the function's environment changes the same one here, so that get_personalized_feed and retention follow it.
CREATE TABLE IF NOT EXISTS public.feed_settings (
  only_row              boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  cooldown              interval NOT NULL DEFAULT interval '30 days' CHECK (cooldown >= interval '1 day'),
  fresh_window          interval NOT NULL DEFAULT interval '7 days' CHECK (fresh_window >= interval '1 hour'),
  max_repeats_per_page  integer NOT NULL DEFAULT 2 CHECK (max_repeats_per_page >= 0),
  inventory_waterline   integer NOT NULL DEFAULT 24 CHECK (inventory_waterline >= 0),
  first_repeat_position integer NOT NULL DEFAULT 6 CHECK (first_repeat_position >= 0),
  -- Retention. Impressions are kept for the cooldown and a day.
  keep_watch_events     interval NOT NULL DEFAULT interval '90 days' CHECK (keep_watch_events >= interval '1 day'),
  keep_watches          interval NOT NULL DEFAULT interval '180 days' CHECK (keep_watches >= interval '1 day'),
  keep_requests         interval NOT NULL DEFAULT interval '30 days' CHECK (keep_requests >= interval '1 day'),
  keep_pages            interval NOT NULL DEFAULT interval '7 days' CHECK (keep_pages >= interval '1 day'),
  -- The number of different viewers whose reports take a post off the feed.
  report_hold_threshold integer NOT NULL DEFAULT 5 CHECK (report_hold_threshold >= 1),
  -- The events that one viewer may add to the figures that all viewers share: this many at once, and this many a
  -- second after that. Further events are kept for the viewer and count for nobody else.
  events_at_once        integer NOT NULL DEFAULT 5000 CHECK (events_at_once >= 1),
  events_per_second     double precision NOT NULL DEFAULT 2 CHECK (events_per_second > 0)
);
INSERT INTO public.feed_settings DEFAULT VALUES ON CONFLICT DO NOTHING;
ALTER TABLE public.feed_settings ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS "read_feed_settings" ON public.feed_settings;
CREATE POLICY "read_feed_settings" ON public.feed_settings FOR SELECT USING (true);
GRANT SELECT ON public.feed_settings TO vroom_app;

-- The tasks of the upkeep, of which each row is a part that only one session at a time may do. The roll-up has 64
-- slices, which sessions can share out among them. Only the owner of the schema can lock these rows. With an advisory
-- lock anybody could keep the upkeep from working.
CREATE TABLE IF NOT EXISTS public.upkeep_locks (
  task  text NOT NULL,
  slice smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (task, slice)
);
INSERT INTO public.upkeep_locks (task, slice)
SELECT 'roll_up', n FROM generate_series(0, 63) AS n
UNION ALL
SELECT 'prune', 0
ON CONFLICT DO NOTHING;
ALTER TABLE public.upkeep_locks ENABLE ROW LEVEL SECURITY;

-- Lock one share of a task until the transaction ends, and return whether all of it was free. The slices of a task
-- are dealt out in turn, so that no two of the shares have one in common. By default the share is the whole task.
CREATE OR REPLACE FUNCTION vroom_private.try_lock_task(
  task text, share integer DEFAULT 0, of_shares integer DEFAULT 1
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM FROM upkeep_locks l
  WHERE l.task = try_lock_task.task AND l.slice % of_shares = share ORDER BY l.slice FOR UPDATE NOWAIT;
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END
$$;

-- Wait until a task is free, and lock the whole of it until the transaction ends.
CREATE OR REPLACE FUNCTION vroom_private.lock_task(task text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM FROM upkeep_locks l WHERE l.task = lock_task.task ORDER BY l.slice FOR UPDATE;
END
$$;

COMMIT;
