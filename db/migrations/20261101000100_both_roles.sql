BEGIN;

-- Who connects, and how a statement knows whose request it serves.
--
-- Roles: `vroom_app` (feed and uploads) and `vroom_webhook` (Mux's events). Neither owns a table nor
-- bypasses row level security. They are made without LOGIN: whoever deploys gives them a password
-- (README.md, Deploy), so that no credential stands in a migration.
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

-- Opens a function to one role and closes it to all others: a platform's default privileges may have
-- granted it to its own roles. null: to nobody.
CREATE OR REPLACE FUNCTION vroom_private.open_only_to(function regprocedure, opened name) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  other regrole;
BEGIN
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', function);
  FOR other IN
    SELECT DISTINCT a.grantee FROM pg_proc p, aclexplode(p.proacl) a
    WHERE p.oid = function AND a.grantee NOT IN (0, p.proowner)
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', function, other);
  END LOOP;
  IF opened IS NOT NULL THEN
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', function, opened);
  END IF;
END
$$;

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

-- The door of those that act for no viewer: what is done for all alike is not at a viewer's call.
CREATE OR REPLACE FUNCTION vroom_private.assert_no_viewer() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF auth.uid() IS NOT NULL THEN
    RAISE EXCEPTION 'this is not done for a viewer' USING ERRCODE = 'insufficient_privilege';
  END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO vroom_app, vroom_webhook;

COMMIT;
