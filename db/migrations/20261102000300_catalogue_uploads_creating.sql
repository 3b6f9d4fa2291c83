BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The functions in this file are for create_upload. They begin an upload, tie it to the upload at Mux, tell its
-- state, and give it up.

-- Return the upload of the viewer's request with this key, or no row where the key is free. A key becomes free
-- again when its time is over, and when its upload came to nothing before it was answered.
CREATE OR REPLACE FUNCTION vroom_private.upload_of_key(viewer uuid, key text) RETURNS SETOF public.uploads
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  UPDATE uploads u SET idempotency_key = NULL
  WHERE u.creator_id = viewer AND u.idempotency_key = key
    AND (u.key_until <= now() OR u.answer IS NULL AND u.state <> 'waiting');
  RETURN QUERY SELECT u.* FROM uploads u WHERE u.creator_id = viewer AND u.idempotency_key = key FOR UPDATE;
END
$$;

-- Make a post (not ready) and its upload, or return what became of an earlier request with the same key:
--
--   new         both were made; the caller asks Mux for an upload
--   resumed     an earlier request was not answered; the caller continues with its post
--   answered    an earlier request was answered with `answer`
--   under_way   an earlier request may still be asking Mux
--   key_reused  an earlier request asked for something else
--   too_many    max_open other uploads of the viewer wait for their file; retry_after_s says when one expires
--
-- A second call with the same post changes nothing.
CREATE OR REPLACE FUNCTION public.begin_upload(
  viewer uuid, post uuid, caption text, tags text[], size_bytes bigint, duration_ms integer,
  resolution_tier text, cap_ms integer, timeout_s integer, max_open integer,
  playback_policy text DEFAULT 'public', key text DEFAULT NULL, request_hash text DEFAULT NULL,
  key_ttl_s integer DEFAULT 3600, making_s integer DEFAULT 0
) RETURNS TABLE (outcome text, post_id uuid, expires_at timestamptz, answer text, retry_after_s integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer uuid := viewer;
  v_hash   text := request_hash;
  v_expires timestamptz := now() + make_interval(secs => timeout_s);
  v_making  timestamptz := now() + make_interval(secs => making_s);
  v_free    timestamptz;
  u         uploads;
BEGIN
  PERFORM vroom_private.assert_claims(v_viewer);
  -- Only one request of a viewer works at a time. Otherwise two requests could both find the last place free.
  PERFORM pg_advisory_xact_lock(hashtextextended('uploads/' || v_viewer::text, 0));
  SELECT * INTO u FROM uploads x WHERE x.post_id = post AND x.creator_id = v_viewer;
  IF FOUND THEN
    RETURN QUERY SELECT 'new', u.post_id, u.expires_at, NULL::text, NULL::integer;
    RETURN;
  END IF;
  SELECT * INTO u FROM vroom_private.upload_of_key(v_viewer, key);
  IF FOUND THEN
    UPDATE uploads x SET making_until = v_making
    WHERE x.post_id = u.post_id AND u.answer IS NULL AND u.request_hash = v_hash AND u.making_until <= now();
    RETURN QUERY SELECT
      CASE WHEN u.request_hash <> v_hash THEN 'key_reused' WHEN u.answer IS NOT NULL THEN 'answered'
           WHEN u.making_until > now() THEN 'under_way' ELSE 'resumed' END,
      u.post_id, u.expires_at, u.answer, NULL::integer;
    RETURN;
  END IF;
  -- This finds the upload whose end frees a place for the viewer. With ten open uploads of ten allowed, it is the
  -- first to expire.
  SELECT x.expires_at INTO v_free FROM uploads x
  WHERE x.creator_id = v_viewer AND x.state = 'waiting' AND x.expires_at > now()
  ORDER BY x.expires_at DESC OFFSET max_open - 1 LIMIT 1;
  IF FOUND THEN
    RETURN QUERY SELECT 'too_many', NULL::uuid, NULL::timestamptz, NULL::text,
                        ceil(extract(epoch FROM v_free - now()))::integer;
    RETURN;
  END IF;
  INSERT INTO posts (id, creator_id, caption, tags) VALUES (post, v_viewer, caption, tags);
  INSERT INTO uploads (post_id, creator_id, size_bytes, duration_ms, cap_ms, resolution_tier, expires_at,
                       playback_policy, idempotency_key, request_hash, key_until, making_until)
  VALUES (post, v_viewer, size_bytes, duration_ms, cap_ms, resolution_tier, v_expires,
          playback_policy, key, v_hash, now() + make_interval(secs => key_ttl_s), v_making);
  RETURN QUERY SELECT 'new', post, v_expires, NULL::text, NULL::integer;
END
$$;

-- Tie the upload at Mux to the post, keep the answer of the request, and return whether this was done. Return
-- false where the post was deleted or given up meanwhile, and where another request with the same key was first.
CREATE OR REPLACE FUNCTION public.confirm_upload(
  viewer uuid, post uuid, mux_upload text, answered text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_open boolean;
BEGIN
  PERFORM vroom_private.assert_claims(viewer);
  UPDATE uploads u
  SET mux_upload_id = mux_upload, mux_upload_status = coalesce(u.mux_upload_status, 'waiting'),
      answer = coalesce(u.answer, answered)
  WHERE u.post_id = post AND u.creator_id = viewer AND coalesce(u.mux_upload_id, mux_upload) = mux_upload
  RETURNING NOT u.cancelled INTO v_open;
  UPDATE posts p SET mux_upload_id = mux_upload
  WHERE p.id = post AND p.creator_id = viewer AND p.mux_upload_id IS DISTINCT FROM mux_upload AND v_open;
  RETURN coalesce(v_open, false);
END
$$;

-- Take the next turn to send Mux a POST request, and return the seconds until then. Where the wait would exceed
-- max_wait_s, take no turn and return null. The bounds keep one caller from holding up the others for long.
CREATE OR REPLACE FUNCTION public.take_mux_turn(per_s double precision, max_wait_s double precision)
RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_wait double precision;
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  UPDATE mux_pace p
  SET next_post_at = greatest(p.next_post_at, clock_timestamp()) + make_interval(secs => 1 / greatest(per_s, 0.2))
  WHERE p.next_post_at <= clock_timestamp() + make_interval(secs => least(max_wait_s, 10))
  RETURNING greatest(0, extract(epoch FROM
    p.next_post_at - make_interval(secs => 1 / greatest(per_s, 0.2)) - clock_timestamp()))::double precision
  INTO v_wait;
  RETURN v_wait;
END
$$;

-- Let the next request with the same key continue with this upload at once, whether or not Mux has made it.
CREATE OR REPLACE FUNCTION public.pause_upload(viewer uuid, post uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_claims(viewer);
  UPDATE uploads u SET making_until = now()
  WHERE u.post_id = post AND u.creator_id = viewer AND u.answer IS NULL;
END
$$;

-- Take back what begin_upload made. `certain` says that Mux has no upload for it. Otherwise the row in uploads
-- stays, so that an upload that turns up later is cancelled.
CREATE OR REPLACE FUNCTION public.abandon_upload(viewer uuid, post uuid, certain boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.assert_claims(viewer);
  DELETE FROM uploads u
  WHERE certain AND u.post_id = post AND u.creator_id = viewer AND u.mux_upload_id IS NULL;
  PERFORM FROM uploads u WHERE u.post_id = post FOR UPDATE;
  DELETE FROM posts p WHERE p.id = post AND p.creator_id = viewer;
END
$$;

-- Return the state of the viewer's own upload. There is no row for the upload of anybody else.
CREATE OR REPLACE FUNCTION public.upload_state(viewer uuid, post uuid)
RETURNS TABLE (state text, reason text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer uuid := viewer;
  v_post   uuid := post;
BEGIN
  PERFORM vroom_private.assert_claims(v_viewer);
  RETURN QUERY SELECT u.state, u.reason, u.detail FROM uploads u WHERE u.post_id = v_post AND u.creator_id = v_viewer;
END
$$;

-- Remove the viewer's own post, whatever its state, and return what remains of it at Mux. There is no row for the
-- post of anybody else. The sweep removes from Mux what the caller does not remove.
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
  PERFORM vroom_private.assert_claims(v_viewer);
  -- The upload's row is locked first, as in all other transactions. The other order could end in a deadlock.
  PERFORM FROM uploads u WHERE u.post_id = v_post AND u.creator_id = v_viewer FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  DELETE FROM posts p WHERE p.id = v_post;
  RETURN QUERY
  SELECT u.state, vroom_private.upload_steps(u, false) FROM uploads u WHERE u.post_id = v_post;
END
$$;

SELECT vroom_private.open_only_to('vroom_private.upload_of_key(uuid, text)', NULL);
DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'public.begin_upload(uuid, uuid, text, text[], bigint, integer, text, integer, integer, integer, '
      'text, text, text, integer, integer)',
    'public.confirm_upload(uuid, uuid, text, text)',
    'public.pause_upload(uuid, uuid)',
    'public.take_mux_turn(double precision, double precision)',
    'public.abandon_upload(uuid, uuid, boolean)',
    'public.upload_state(uuid, uuid)',
    'public.cancel_upload(uuid, uuid)'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, 'vroom_app');
  END LOOP;
END $$;

COMMIT;
