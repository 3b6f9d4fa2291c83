BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- The functions compare their own version with this one, once for each container (shared/postgres/schema.py).
--
-- A release that changes the schema defines this function again in its last migration, with a version that is
-- higher by one. `oldest_code` is the lowest version of code that can still run on this schema. A change that only
-- adds to the schema leaves it as it is. A change that takes something away raises it.

CREATE OR REPLACE FUNCTION public.feed_schema_version(OUT version integer, OUT oldest_code integer)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT 1, 1 $$;

SELECT vroom_private.open_only_to('public.feed_schema_version()', 'vroom_app');
GRANT EXECUTE ON FUNCTION public.feed_schema_version() TO vroom_webhook;

COMMIT;
