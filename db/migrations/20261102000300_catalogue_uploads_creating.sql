BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- What create_upload may do: begin an upload, tie it to Mux's, tell its state, give it up.

-- Makes the post (not ready) and its upload. Refused where the viewer has max_open others that wait
-- for their file. Called again with the same post it changes nothing.
CREATE OR REPLACE FUNCTION public.begin_upload(
  viewer uuid, post uuid, caption text, tags text[], size_bytes bigint, duration_ms integer,
  resolution_tier text, cap_ms integer, timeout_s integer, max_open integer
) RETURNS TABLE (accepted boolean, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer  uuid := viewer;
  v_post    uuid := post;
  v_expires timestamptz := now() + make_interval(secs => timeout_s);
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  -- One at a time per viewer, or two requests could both find the last place free.
  PERFORM pg_advisory_xact_lock(hashtextextended('uploads/' || v_viewer::text, 0));
  IF NOT EXISTS (SELECT FROM uploads u WHERE u.post_id = v_post AND u.creator_id = v_viewer) THEN
    IF (SELECT count(*) FROM uploads u
        WHERE u.creator_id = v_viewer AND u.state = 'waiting' AND u.expires_at > now()) >= max_open THEN
      RETURN QUERY SELECT false, NULL::timestamptz;
      RETURN;
    END IF;
    INSERT INTO posts (id, creator_id, caption, tags) VALUES (v_post, v_viewer, caption, tags);
    INSERT INTO uploads (post_id, creator_id, size_bytes, duration_ms, cap_ms, resolution_tier, expires_at)
    VALUES (v_post, v_viewer, size_bytes, duration_ms, cap_ms, resolution_tier, v_expires);
  END IF;
  RETURN QUERY SELECT true, u.expires_at FROM uploads u WHERE u.post_id = v_post;
END
$$;

-- Ties Mux's upload to the post. False where the post is gone or given up by now.
CREATE OR REPLACE FUNCTION public.confirm_upload(viewer uuid, post uuid, mux_upload text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_open boolean;
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  UPDATE uploads u
  SET mux_upload_id = coalesce(u.mux_upload_id, mux_upload),
      mux_upload_status = coalesce(u.mux_upload_status, 'waiting')
  WHERE u.post_id = post AND u.creator_id = viewer
  RETURNING NOT u.cancelled INTO v_open;
  UPDATE posts p SET mux_upload_id = mux_upload
  WHERE p.id = post AND p.creator_id = viewer AND p.mux_upload_id IS DISTINCT FROM mux_upload AND v_open;
  RETURN coalesce(v_open, false);
END
$$;

-- Takes back what begin_upload made. `certain`: Mux surely has no upload for it. Otherwise the row in
-- uploads stays, so that an upload that turns up later is cancelled.
CREATE OR REPLACE FUNCTION public.abandon_upload(viewer uuid, post uuid, certain boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  DELETE FROM uploads u
  WHERE certain AND u.post_id = post AND u.creator_id = viewer AND u.mux_upload_id IS NULL;
  PERFORM FROM uploads u WHERE u.post_id = post FOR UPDATE;
  DELETE FROM posts p WHERE p.id = post AND p.creator_id = viewer;
END
$$;

-- The state of the viewer's own upload; no row for anybody else's.
CREATE OR REPLACE FUNCTION public.upload_state(viewer uuid, post uuid)
RETURNS TABLE (state text, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer uuid := viewer;
  v_post   uuid := post;
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  RETURN QUERY SELECT u.state, u.reason FROM uploads u WHERE u.post_id = v_post AND u.creator_id = v_viewer;
END
$$;

-- Removes the viewer's own post, whatever its state, and answers what of it is still at Mux; no row for
-- anybody else's. What the caller does not clear there, the sweep does.
CREATE OR REPLACE FUNCTION public.cancel_upload(viewer uuid, post uuid)
RETURNS TABLE (state text, steps jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer uuid := viewer;
  v_post   uuid := post;
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  -- The upload's row first, as all others do: the other order could end in a deadlock.
  PERFORM FROM uploads u WHERE u.post_id = v_post AND u.creator_id = v_viewer FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  DELETE FROM posts p WHERE p.id = v_post;
  RETURN QUERY
  SELECT u.state, vroom_private.upload_steps(u, false) FROM uploads u WHERE u.post_id = v_post;
END
$$;

DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'public.begin_upload(uuid, uuid, text, text[], bigint, integer, text, integer, integer, integer)',
    'public.confirm_upload(uuid, uuid, text)',
    'public.abandon_upload(uuid, uuid, boolean)',
    'public.upload_state(uuid, uuid)',
    'public.cancel_upload(uuid, uuid)'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, 'vroom_app');
  END LOOP;
END $$;

COMMIT;
