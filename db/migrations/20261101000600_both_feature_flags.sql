BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file keeps the flags and experiments that operators switch.

CREATE TABLE IF NOT EXISTS public.feature_flags (
  name               text PRIMARY KEY,
  enabled            boolean NOT NULL DEFAULT false,
  rollout_percentage integer NOT NULL DEFAULT 100 CHECK (rollout_percentage BETWEEN 0 AND 100),
  metadata           jsonb NOT NULL DEFAULT '{}',
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE public.feature_flags ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "read_feature_flags" ON public.feature_flags;
CREATE POLICY "read_feature_flags" ON public.feature_flags
  FOR SELECT USING (true);

GRANT SELECT ON public.feature_flags TO vroom_app;

-- Set updated_at when a flag changes. Figures from before that time belong to another experiment.
CREATE OR REPLACE FUNCTION vroom_private.feature_flags_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  new.updated_at := now();
  RETURN new;
END
$$;
CREATE OR REPLACE TRIGGER feature_flags_changed BEFORE UPDATE ON public.feature_flags
  FOR EACH ROW
  WHEN ((old.enabled, old.rollout_percentage, old.metadata)
        IS DISTINCT FROM (new.enabled, new.rollout_percentage, new.metadata))
  EXECUTE FUNCTION vroom_private.feature_flags_changed();
SELECT vroom_private.open_only_to('vroom_private.feature_flags_changed()', NULL);

COMMIT;
