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

-- One row for each task that only one session at a time may do. Only the owner of the schema can lock these rows.
-- With an advisory lock anybody could keep the upkeep from working.
CREATE TABLE IF NOT EXISTS public.upkeep_locks (task text PRIMARY KEY);
INSERT INTO public.upkeep_locks (task) VALUES ('roll_up'), ('prune') ON CONFLICT DO NOTHING;
ALTER TABLE public.upkeep_locks ENABLE ROW LEVEL SECURITY;

-- Lock a task until the transaction ends, and return whether it was free.
CREATE OR REPLACE FUNCTION vroom_private.try_lock_task(task text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM FROM upkeep_locks l WHERE l.task = try_lock_task.task FOR UPDATE SKIP LOCKED;
  RETURN FOUND;
END
$$;

-- Wait until a task is free, and lock it until the transaction ends.
CREATE OR REPLACE FUNCTION vroom_private.lock_task(task text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM FROM upkeep_locks l WHERE l.task = lock_task.task FOR UPDATE;
END
$$;

COMMIT;
