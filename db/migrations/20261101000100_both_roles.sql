BEGIN;

-- This file makes the roles that connect, and tells a statement whose request it serves.
--
-- Roles: `vroom_app` is for the feed and for uploads, and `vroom_webhook` is for Mux's events. Neither owns a
-- table or bypasses row level security. They are made without LOGIN. Whoever deploys gives them a password
-- (README.md, Deploy), so that no migration contains a credential.
--
-- auth.uid() returns the viewer of the current transaction. Supabase has its own. Elsewhere it is made here with
-- the same meaning: the `sub` of the claims in `request.jwt.claims`.

-- What the database already holds decides whether the feed can be installed. Nothing is changed before these
-- checks.
DO $$
DECLARE
  -- every table and view that the migrations make
  v_made    text[] := ARRAY[
    'cohort_posts', 'creator_quality', 'engagement_queue', 'erasures', 'feature_flags', 'feed_pages',
    'feed_requests', 'feed_settings', 'feed_stats', 'feedback', 'follows', 'heat_mix', 'hot_scale', 'mux_assets',
    'mux_events', 'mux_pace', 'mux_sweep', 'post_blocks', 'post_covisits', 'post_heat', 'post_reviews', 'post_stats',
    'post_tags', 'posts',
    'upkeep_locks', 'upkeep_places', 'uploads', 'user_interest_signals', 'user_post_impressions',
    'viewer_allowance', 'viewer_context', 'viewer_creator_affinity', 'viewer_last_seen', 'viewer_seen',
    'viewer_tag_affinity', 'viewer_watches', 'watch_events', 'watch_norms'
  ];
  v_adopted text[] := '{}';
  v_found   text;
BEGIN
  SELECT string_agg(r.rolname, ', ' ORDER BY r.rolname) INTO v_found
  FROM pg_roles r
  WHERE r.rolname IN ('vroom_app', 'vroom_webhook')
    AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication);
  IF v_found IS NOT NULL THEN
    RAISE EXCEPTION 'the role % exists with more rights than the feed''s functions may have', v_found
      USING HINT = 'Take SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB and REPLICATION from it, or drop it.';
  END IF;
  IF to_regprocedure('vroom_private.assert_viewer(uuid)') IS NOT NULL THEN
    RETURN;  -- the feed is already installed
  END IF;
  IF to_regclass('vroom_private.adopted_tables') IS NOT NULL THEN
    SELECT array_agg(a.name) INTO v_adopted FROM vroom_private.adopted_tables a;
  END IF;
  SELECT string_agg('public.' || c.relname, ', ' ORDER BY c.relname) INTO v_found
  FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (v_made)
    AND 'public.' || c.relname <> ALL (v_adopted);
  IF v_found IS NOT NULL THEN
    RAISE EXCEPTION '% exists already and is not the feed''s', v_found
      USING HINT = 'make adopt lets the feed move in beside posts and follows of an application.';
  END IF;
END $$;

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['vroom_app', 'vroom_webhook'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to the whole server, and another database's migration made it first
      END;
    END IF;
  END LOOP;
END $$;

-- A function that was frozen or lost in the middle of a transaction must not keep dead rows from being removed for
-- long. The limit is longer than any request, and holds in this database alone.
DO $$
DECLARE
  limited text;
BEGIN
  FOREACH limited IN ARRAY ARRAY['vroom_app', 'vroom_webhook'] LOOP
    BEGIN
      EXECUTE format(
        'ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = %L',
        limited, current_database(), '60s');
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE NOTICE 'role % belongs to another role, which can limit it (docs/operations.md)', limited;
    END;
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

-- Helpers that no client calls are in this schema.
CREATE SCHEMA IF NOT EXISTS vroom_private;
REVOKE ALL ON SCHEMA vroom_private FROM PUBLIC;

-- Tables that an application had before the feed was installed (ops/adopt). They stay the application's: their row
-- level security is unchanged, and the policies that the feed adds to them are for the feed's own role.
CREATE TABLE IF NOT EXISTS vroom_private.adopted_tables (
  name         text PRIMARY KEY,
  row_security boolean NOT NULL,
  had          text[] NOT NULL  -- columns
);
ALTER TABLE vroom_private.adopted_tables ENABLE ROW LEVEL SECURITY;

-- Switch row level security on for a table of the feed's own.
CREATE OR REPLACE FUNCTION vroom_private.protect(name text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM vroom_private.adopted_tables a WHERE a.name = protect.name) THEN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name::regclass);
  END IF;
END
$$;

-- Raise an error if a table lacks a column that the feed needs.
CREATE OR REPLACE FUNCTION vroom_private.require_columns(name text, columns text[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_missing text;
BEGIN
  SELECT string_agg(w.name, ', ') INTO v_missing
  FROM unnest(columns) AS w(name)
  WHERE NOT EXISTS (
    SELECT FROM pg_attribute a
    WHERE a.attrelid = require_columns.name::regclass AND a.attname = w.name AND NOT a.attisdropped);
  IF v_missing IS NOT NULL THEN
    RAISE EXCEPTION '% has no column %', name, v_missing
      USING HINT = 'make adopt adds what is missing to a table of an application.';
  END IF;
END
$$;

-- Keep a policy on an adopted table from opening the table to the application's own roles.
CREATE OR REPLACE FUNCTION vroom_private.confine_policy(name text, policy name) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM vroom_private.adopted_tables a WHERE a.name = confine_policy.name) THEN
    EXECUTE format('ALTER POLICY %I ON %s TO vroom_app', policy, name::regclass);
  END IF;
END
$$;

-- Open a function to one role, or to nobody for null, and close it to all others. A platform's default privileges
-- may have granted it to the platform's own roles.
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

-- Raise an error unless the caller may act for a viewer. The caller's claims must name that viewer. A caller without
-- claims passes only as an operator: the effective role of the session must be a member of the schema's owner
-- (current_user in here), as in psql for troubleshooting. SECURITY DEFINER functions about uploads call this first.
CREATE OR REPLACE FUNCTION vroom_private.assert_claims(viewer uuid) RETURNS void
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

-- Raise an error unless the caller may act for a viewer, and the viewer belongs to this server (assert_here). Every
-- other SECURITY DEFINER function that acts for a viewer calls this function first.
CREATE OR REPLACE FUNCTION vroom_private.assert_viewer(viewer uuid) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_claims(viewer);
  PERFORM vroom_private.assert_here(viewer);
END
$$;

-- Raise an error if a viewer calls. Functions that act for no viewer call this function first, because no viewer
-- may start what is done for all viewers alike.
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
