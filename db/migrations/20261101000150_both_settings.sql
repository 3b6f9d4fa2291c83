BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- The rules that the owner of the schema sets, in one row. The functions' roles read them and cannot change them.
--
-- The columns of the page are the settings of the feed function under the same names; where an operator changes
-- one in the function's environment, the same belongs here, so that get_personalized_feed and retention go by it.
CREATE TABLE IF NOT EXISTS public.feed_settings (
  only_row              boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  cooldown              interval NOT NULL DEFAULT interval '30 days' CHECK (cooldown >= interval '1 day'),
  fresh_window          interval NOT NULL DEFAULT interval '7 days' CHECK (fresh_window >= interval '1 hour'),
  max_repeats_per_page  integer NOT NULL DEFAULT 2 CHECK (max_repeats_per_page >= 0),
  inventory_waterline   integer NOT NULL DEFAULT 24 CHECK (inventory_waterline >= 0),
  first_repeat_position integer NOT NULL DEFAULT 6 CHECK (first_repeat_position >= 0)
);
INSERT INTO public.feed_settings DEFAULT VALUES ON CONFLICT DO NOTHING;
ALTER TABLE public.feed_settings ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS "read_feed_settings" ON public.feed_settings;
CREATE POLICY "read_feed_settings" ON public.feed_settings FOR SELECT USING (true);
GRANT SELECT ON public.feed_settings TO vroom_app;

COMMIT;
