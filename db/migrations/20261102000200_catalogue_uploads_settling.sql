BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The functions in this file derive the state of an upload from its facts, and publish and withdraw its post.
-- Nothing else decides the state or the publication.

-- Return the id under which an asset plays for uploads with this policy, or null if it does not play.
CREATE OR REPLACE FUNCTION vroom_private.playback_of(policy text, a public.mux_assets) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN policy = 'signed' THEN coalesce(a.signed_playback_id, a.playback_id) ELSE a.playback_id END;

-- Return what people should be told about a video that plays, or null if there is nothing to tell. An app
-- announces how long its file is, and a file that was cut off plays for a shorter time.
CREATE OR REPLACE FUNCTION vroom_private.findings(u public.uploads, source public.mux_assets) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT nullif(concat_ws(' ',
    CASE WHEN source.duration_ms < u.duration_ms - greatest(1000, u.duration_ms / 20)
         THEN format('The file plays for %s of the %s seconds that were announced.',
                     round(source.duration_ms / 1000.0, 1), round(u.duration_ms / 1000.0, 1)) END,
    source.note), '')
$$;

-- Return the state of an upload whose video is not published yet.
CREATE OR REPLACE FUNCTION vroom_private.state_before_publishing(
  u public.uploads, OUT state text, OUT reason text, OUT detail text, OUT shown_asset_id text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  source    mux_assets;
  clip      mux_assets;
  v_longest integer := u.cap_ms + vroom_private.duration_tolerance_ms();
BEGIN
  SELECT * INTO source FROM mux_assets a WHERE a.asset_id = u.source_asset_id;
  SELECT * INTO clip FROM mux_assets a WHERE a.asset_id = u.clip_asset_id;
  IF source.asset_id IS NULL THEN
    state := CASE u.mux_upload_status
      WHEN 'asset_created' THEN 'processing' WHEN 'errored' THEN 'failed'
      WHEN 'timed_out' THEN 'expired' WHEN 'cancelled' THEN 'cancelled' ELSE 'waiting' END;
    IF state = 'failed' THEN
      reason := 'upload_failed'; detail := u.detail;
    END IF;
  ELSIF source.error IS NOT NULL AND source.status IN ('errored', 'deleted') THEN
    state := 'failed'; reason := 'not_a_video'; detail := source.error;
  ELSIF source.audio_only AND source.status <> 'preparing' THEN
    state := 'failed'; reason := 'audio_only';
  ELSIF source.status = 'deleted' AND clip.status IS DISTINCT FROM 'ready' THEN
    state := 'failed'; reason := 'asset_deleted';
  ELSIF source.status = 'preparing' OR source.duration_ms IS NULL THEN
    state := 'processing';
  ELSIF source.duration_ms <= v_longest THEN
    state := 'processing';
    IF vroom_private.playback_of(u.playback_policy, source) IS NOT NULL THEN
      state := 'ready'; shown_asset_id := source.asset_id; detail := vroom_private.findings(u, source);
    END IF;
  ELSIF u.trim_refusal IS NOT NULL THEN
    state := 'failed'; reason := 'trim_refused'; detail := u.trim_refusal;
  ELSIF clip.status IN ('ready', 'deleted') AND clip.duration_ms > v_longest THEN
    state := 'failed'; reason := 'trim_too_long';
  ELSIF clip.status IN ('errored', 'deleted') THEN
    state := 'failed'; reason := 'trim_failed'; detail := clip.error;
  ELSIF clip.status = 'ready' AND clip.duration_ms IS NOT NULL
        AND vroom_private.playback_of(u.playback_policy, clip) IS NOT NULL THEN
    state := 'ready'; shown_asset_id := clip.asset_id; detail := vroom_private.findings(u, source);
  ELSE
    state := 'trimming';
  END IF;
  IF u.given_up AND state IN ('processing', 'trimming') THEN
    reason := CASE state WHEN 'trimming' THEN 'trim_never_finished' ELSE 'never_finished' END;
    state := 'failed';
  END IF;
END
$$;

-- Return the state of any upload, as its facts give it. A published video stays published for as long as Mux plays
-- it. A withdrawn post comes back when Mux plays its video again.
CREATE OR REPLACE FUNCTION vroom_private.state_of(
  u public.uploads, OUT state text, OUT reason text, OUT detail text, OUT shown_asset_id text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  shown  mux_assets;
  source mux_assets;
BEGIN
  IF u.cancelled THEN
    state := 'cancelled';
  ELSIF u.published_asset_id IS NULL THEN
    SELECT b.* INTO state, reason, detail, shown_asset_id FROM vroom_private.state_before_publishing(u) b;
  ELSE
    SELECT * INTO shown FROM mux_assets a WHERE a.asset_id = u.published_asset_id;
    SELECT * INTO source FROM mux_assets a WHERE a.asset_id = u.source_asset_id;
    shown_asset_id := shown.asset_id;
    state := 'ready'; detail := vroom_private.findings(u, source);
    IF shown.status = 'deleted' OR shown.missing THEN
      state := 'failed'; reason := 'asset_deleted'; detail := NULL;
    ELSIF vroom_private.playback_of(u.playback_policy, shown) IS NULL THEN
      state := 'failed'; reason := 'playback_removed'; detail := NULL;
    END IF;
  END IF;
END
$$;

-- Mark the assets that are to be deleted at Mux for an upload in this state. Only assets that are known to be
-- useless are deleted. A failed trim keeps its source, because that video is whole. An unfinished video may still
-- be finished. A withdrawn post may come back.
CREATE OR REPLACE FUNCTION vroom_private.mark_unwanted_assets(
  u public.uploads, state text, reason text, shown_asset_id text
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_kept text[] := CASE
    WHEN state = 'cancelled' THEN '{}'
    WHEN state = 'ready' OR u.published_asset_id IS NOT NULL THEN ARRAY[coalesce(u.published_asset_id, shown_asset_id)]
    WHEN reason LIKE 'trim%' THEN ARRAY[u.source_asset_id]
    WHEN state <> 'failed' OR reason = 'never_finished' THEN ARRAY[u.source_asset_id, u.clip_asset_id]
    ELSE '{}' END;
BEGIN
  IF state <> 'ready' THEN
    v_kept := v_kept || ARRAY(SELECT vroom_private.undecided_assets(u));
  END IF;
  UPDATE mux_assets a SET unwanted = NOT a.unwanted
  WHERE a.post_id = u.post_id AND a.unwanted IS DISTINCT FROM ((a.asset_id = ANY (v_kept)) IS NOT TRUE);
END
$$;

-- Make the post of an upload follow the upload's state: publish it with the video's fields, withdraw it, or delete
-- it.
CREATE OR REPLACE FUNCTION vroom_private.publish_or_withdraw(u public.uploads, given_base text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  shown      mux_assets;
  v_base     text := coalesce(nullif(given_base, ''), (SELECT s.stream_base FROM mux_sweep s));
  v_playback text;
BEGIN
  IF u.state = 'ready' THEN
    SELECT * INTO STRICT shown FROM mux_assets a WHERE a.asset_id = u.published_asset_id;
    v_playback := vroom_private.playback_of(u.playback_policy, shown);
    UPDATE posts p
    SET mux_asset_id = shown.asset_id, mux_playback_id = v_playback, mux_ready = true,
        mux_playback_policy = CASE WHEN v_playback = shown.playback_id THEN 'public' ELSE 'signed' END,
        mux_duration_ms = least(shown.duration_ms, u.cap_ms), mux_max_resolution = shown.resolution,
        mux_hls_url = v_base || '/' || v_playback || '.m3u8',
        aspect_ratio = shown.aspect_ratio, published_at = coalesce(p.published_at, now())
    WHERE p.id = u.post_id AND (NOT p.mux_ready OR p.mux_playback_id IS DISTINCT FROM v_playback);
  ELSIF u.state = 'cancelled' THEN
    DELETE FROM posts p WHERE p.id = u.post_id;
  ELSIF u.published_asset_id IS NOT NULL THEN
    UPDATE posts p SET mux_ready = false, mux_playback_id = NULL, mux_hls_url = NULL
    WHERE p.id = u.post_id AND p.mux_ready;
  END IF;
END
$$;

-- Bring an upload's state, its assets and its post in line with the facts. The caller holds the lock of the row in
-- uploads.
CREATE OR REPLACE FUNCTION vroom_private.settle_upload(post uuid, stream_base text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  u      uploads;
  v      record;
  v_left boolean;
BEGIN
  PERFORM vroom_private.choose_assets(post);
  SELECT * INTO STRICT u FROM uploads x WHERE x.post_id = post;
  SELECT * INTO STRICT v FROM vroom_private.state_of(u);
  PERFORM vroom_private.mark_unwanted_assets(u, v.state, v.reason, v.shown_asset_id);
  UPDATE uploads x
  SET state = v.state, reason = v.reason, detail = v.detail,
      cancelled = x.cancelled OR v.state = 'cancelled',
      published_asset_id = CASE WHEN v.state = 'ready' THEN v.shown_asset_id ELSE x.published_asset_id END,
      state_since = CASE WHEN x.state = v.state THEN x.state_since ELSE now() END,
      checks = CASE WHEN x.state = v.state THEN x.checks ELSE 0 END
  WHERE x.post_id = post
  RETURNING x.* INTO u;
  v_left := u.state IN ('waiting', 'processing', 'trimming') OR vroom_private.upload_steps(u, true) <> '[]';
  UPDATE uploads x
  SET next_check_at = CASE WHEN NOT v_left THEN NULL
                           WHEN x.checks = 0 THEN least(x.next_check_at, now())
                           ELSE coalesce(x.next_check_at, now()) END,
      playback_check_at = CASE
        WHEN u.published_asset_id IS NULL OR u.state NOT IN ('ready', 'failed') THEN NULL
        WHEN EXISTS (
          SELECT FROM mux_assets a WHERE a.asset_id = u.published_asset_id AND a.status = 'deleted'
        ) THEN NULL
        -- The fact that took the post down just now is confirmed soon.
        WHEN u.state = 'failed' AND u.state_since = now() THEN now()
        ELSE coalesce(x.playback_check_at, now() + interval '1 hour') END
  WHERE x.post_id = post;
  PERFORM vroom_private.publish_or_withdraw(u, stream_base);
END
$$;

-- Give up the upload and the assets of a deleted post, whether its owner, an erasure or an operator deleted it.
CREATE OR REPLACE FUNCTION vroom_private.uploads_of_deleted_posts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_post uuid;
BEGIN
  FOR v_post IN
    SELECT u.post_id FROM uploads u JOIN old_posts o ON o.id = u.post_id
    WHERE NOT u.cancelled ORDER BY u.post_id FOR UPDATE OF u
  LOOP
    UPDATE uploads u SET cancelled = true WHERE u.post_id = v_post;
    PERFORM vroom_private.settle_upload(v_post, '');
  END LOOP;
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER posts_deleted_uploads AFTER DELETE ON public.posts
  REFERENCING OLD TABLE AS old_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.uploads_of_deleted_posts();

DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'vroom_private.playback_of(text, public.mux_assets)',
    'vroom_private.findings(public.uploads, public.mux_assets)',
    'vroom_private.state_before_publishing(public.uploads)',
    'vroom_private.state_of(public.uploads)',
    'vroom_private.mark_unwanted_assets(public.uploads, text, text, text)',
    'vroom_private.publish_or_withdraw(public.uploads, text)',
    'vroom_private.settle_upload(uuid, text)',
    'vroom_private.uploads_of_deleted_posts()'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, NULL);
  END LOOP;
END $$;

COMMIT;
