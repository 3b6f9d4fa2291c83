BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- What the functions hold their own version against, once a container (shared/postgres/schema.py).
--
-- A release that changes the schema defines this function anew, as its last migration, with a version
-- higher by one. `oldest_code` is the lowest version for which code may have been written that still
-- runs on this schema: expanding changes leave it, a change that takes something away raises it.

CREATE OR REPLACE FUNCTION public.feed_schema_version(OUT version integer, OUT oldest_code integer)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT 1, 1 $$;

SELECT vroom_private.open_only_to('public.feed_schema_version()', 'vroom_app');
GRANT EXECUTE ON FUNCTION public.feed_schema_version() TO vroom_webhook;

COMMIT;
