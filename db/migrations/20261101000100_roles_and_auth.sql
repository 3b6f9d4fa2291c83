-- Who connects, and how a statement knows whose request it serves.
--
-- Roles: `vroom_app` (feed and uploads) and `vroom_webhook` (Mux's events). Neither owns a table nor
-- bypasses row level security. They are made without LOGIN: whoever deploys gives them a password
-- (docs/operations.md), so that no credential stands in a migration.
--
-- auth.uid(): the viewer of the current transaction. Supabase brings its own; elsewhere it is made
-- here with the same meaning: the `sub` of the claims in `request.jwt.claims`.

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['vroom_app', 'vroom_webhook'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to the whole server: another database's migration was faster
      END;
    END IF;
  END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS auth;

DO $$
BEGIN
  IF to_regprocedure('auth.uid()') IS NULL THEN
    EXECUTE $function$
      CREATE FUNCTION auth.uid() RETURNS uuid
      LANGUAGE sql STABLE
      AS $body$
        SELECT coalesce(
          nullif(current_setting('request.jwt.claim.sub', true), ''),
          nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
        )::uuid
      $body$
    $function$;
  END IF;
  BEGIN
    GRANT USAGE ON SCHEMA auth TO vroom_app, vroom_webhook;
    GRANT EXECUTE ON FUNCTION auth.uid() TO vroom_app, vroom_webhook;
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'schema auth belongs to another role: it grants its use itself';
  END;
END $$;

-- Helpers that no client calls.
CREATE SCHEMA IF NOT EXISTS vroom_private;
REVOKE ALL ON SCHEMA vroom_private FROM PUBLIC;

-- The door of every SECURITY DEFINER function that acts for a viewer. The caller's claims must name
-- that viewer. Without claims only an operator passes: a session whose effective role is a member of
-- the schema's owner (current_user in here), as in psql for troubleshooting.
CREATE OR REPLACE FUNCTION vroom_private.assert_viewer(viewer uuid) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  claimed uuid := auth.uid();
  caller  name := coalesce(nullif(current_setting('role', true), 'none'), session_user::text);
BEGIN
  IF viewer IS NULL THEN
    RAISE EXCEPTION 'user_id must not be null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  IF claimed = viewer OR (claimed IS NULL AND pg_has_role(caller, current_user, 'MEMBER')) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'the request''s claims do not name this viewer' USING ERRCODE = 'insufficient_privilege';
END
$$;
