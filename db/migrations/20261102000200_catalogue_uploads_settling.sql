BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- From facts to state: the one place that decides what becomes of an upload, and that publishes.

-- Later in this order wins where two facts about one upload or asset meet, whichever came first.
CREATE OR REPLACE FUNCTION vroom_private.upload_status_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(array_position(
  ARRAY['waiting', 'timed_out', 'cancelled', 'errored', 'asset_created'], status), 0);

CREATE OR REPLACE FUNCTION vroom_private.asset_status_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(array_position(ARRAY['preparing', 'errored', 'ready', 'deleted'], status), 0);

-- Encoders round durations: up to this much above the cap is not trimmed.
CREATE OR REPLACE FUNCTION vroom_private.duration_tolerance_ms() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 500;

-- Whether the source is the asset that Mux made of the post's own upload. One that is known by the
-- passthrough alone may be anybody's who has access to the account.
CREATE OR REPLACE FUNCTION vroom_private.is_source_certain(u public.uploads) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM mux_assets a WHERE a.asset_id = u.source_asset_id AND a.mux_upload_id = u.mux_upload_id)
$$;

-- Assets that may yet prove to be the post's own upload's, in the place of the source: they are kept until
-- that is known, or nothing more can come of it.
CREATE OR REPLACE FUNCTION vroom_private.undecided_assets(u public.uploads) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT a.asset_id
  FROM mux_assets a
  WHERE a.post_id = u.post_id AND a.asset_id IS DISTINCT FROM u.source_asset_id
    AND a.mux_upload_id IS NULL AND NOT a.is_clip AND a.status <> 'deleted'
    AND u.mux_upload_id IS NOT NULL AND coalesce(u.mux_upload_status, 'waiting') IN ('waiting', 'asset_created')
    AND u.published_asset_id IS NULL AND NOT u.cancelled AND NOT u.given_up
    AND NOT vroom_private.is_source_certain(u)
$$;

-- Says which of a post's assets was made of its file, and which one is the clip of that. Another upload's
-- asset never is the source; one whose upload Mux has not named is, as long as the own upload's is unknown
-- and nothing is published. With another source, what was asked for the former one counts no more.
CREATE OR REPLACE FUNCTION vroom_private.choose_assets(post uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  u        uploads;
  v_source text;
  v_clip   text;
BEGIN
  SELECT * INTO STRICT u FROM uploads x WHERE x.post_id = post;
  IF u.published_asset_id IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT a.asset_id INTO v_source
  FROM mux_assets a
  WHERE a.post_id = post AND NOT a.is_clip
    AND (a.mux_upload_id IS NULL OR u.mux_upload_id IS NULL OR a.mux_upload_id = u.mux_upload_id)
  ORDER BY a.mux_upload_id = u.mux_upload_id DESC NULLS LAST, a.asset_id = u.source_asset_id DESC NULLS LAST,
           a.created_at, a.asset_id
  LIMIT 1;
  IF v_source IS DISTINCT FROM u.source_asset_id THEN
    UPDATE uploads x
    SET source_asset_id = v_source, trim_claim = NULL, trim_claimed_at = NULL, trim_refusal = NULL
    WHERE x.post_id = post
    RETURNING x.* INTO u;
  END IF;
  SELECT a.asset_id INTO v_clip
  FROM mux_assets a
  WHERE a.post_id = post AND a.asset_id IS DISTINCT FROM v_source
    AND CASE WHEN a.is_clip THEN a.clip_of IS NULL OR v_source IS NULL OR a.clip_of = v_source
             -- Mux need not say that it is one. It exists only after it was asked for.
             ELSE a.mux_upload_id IS NULL AND a.created_at > u.trim_claimed_at END
  ORDER BY a.is_clip DESC, a.asset_id = u.clip_asset_id DESC NULLS LAST, a.created_at, a.asset_id
  LIMIT 1;
  IF v_clip IS DISTINCT FROM u.clip_asset_id THEN
    UPDATE uploads x SET clip_asset_id = v_clip WHERE x.post_id = post;
  END IF;
END
$$;

-- What is left to be done at Mux for an upload: [{do, id, age_s}]
--
-- With `include_polling` false only what is known to be possible now; with true also what can only be learnt
-- by asking (the sweep's part), since an event may have been lost.
CREATE OR REPLACE FUNCTION vroom_private.upload_steps(u public.uploads, include_polling boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('do', s.do, 'id', s.id, 'age_s', s.age_s) ORDER BY s.place, s.id), '[]')
  FROM (
    SELECT 1 AS place, 'find_upload' AS do, u.post_id::text AS id,
           extract(epoch FROM now() - u.created_at)::integer AS age_s
    WHERE include_polling AND u.mux_upload_id IS NULL AND u.mux_upload_status IS NULL AND u.source_asset_id IS NULL
    UNION ALL
    SELECT 2, 'cancel_upload', u.mux_upload_id, 0
    WHERE u.cancelled AND u.mux_upload_id IS NOT NULL AND NOT vroom_private.is_source_certain(u)
      AND coalesce(u.mux_upload_status, 'waiting') = 'waiting'
    UNION ALL
    SELECT 3, 'ask_upload', u.mux_upload_id, 0
    WHERE include_polling AND u.mux_upload_id IS NOT NULL
      AND (u.source_asset_id IS NULL AND u.state IN ('waiting', 'processing')
           OR EXISTS (SELECT FROM vroom_private.undecided_assets(u)))
    UNION ALL
    SELECT 4, 'ask_asset', a.asset_id, extract(epoch FROM now() - a.created_at)::integer
    FROM mux_assets a
    WHERE a.post_id = u.post_id  -- by an index, however many assets there are
      AND (u.state = 'processing' AND a.asset_id = u.source_asset_id
           OR u.state = 'trimming' AND a.asset_id = u.clip_asset_id)
      AND (a.status = 'ready' OR include_polling)
    UNION ALL
    SELECT 5, CASE WHEN u.trim_claim IS NULL THEN 'clip' ELSE 'look_for_clip' END,
           coalesce(u.trim_claim::text, u.source_asset_id),
           coalesce(extract(epoch FROM now() - u.trim_claimed_at), 0)::integer
    WHERE u.state = 'trimming' AND u.clip_asset_id IS NULL AND (u.trim_claim IS NULL OR include_polling)
    UNION ALL
    SELECT 6, 'delete_asset', a.asset_id, 0
    FROM mux_assets a
    WHERE a.post_id = u.post_id AND a.unwanted AND a.status <> 'deleted'
      AND (a.status = 'ready' OR include_polling)
  ) s
$$;

-- Computes the state of an upload from its facts, publishes or withdraws its post accordingly, and says
-- which assets are wanted no longer. The caller holds the lock of the row in uploads.
CREATE OR REPLACE FUNCTION vroom_private.settle_upload(post uuid, stream_base text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  u         uploads;
  source    mux_assets;
  clip      mux_assets;
  shown     mux_assets;
  v_state   text;
  v_reason  text;
  v_detail  text;
  v_longest integer;
  v_undecided text[];
  v_left    boolean;
BEGIN
  PERFORM vroom_private.choose_assets(post);
  SELECT * INTO STRICT u FROM uploads x WHERE x.post_id = post;
  SELECT * INTO source FROM mux_assets a WHERE a.asset_id = u.source_asset_id;
  SELECT * INTO clip FROM mux_assets a WHERE a.asset_id = u.clip_asset_id;
  v_longest := u.cap_ms + vroom_private.duration_tolerance_ms();

  IF u.cancelled OR u.published_asset_id IS NULL AND source.asset_id IS NULL AND u.mux_upload_status = 'cancelled' THEN
    v_state := 'cancelled';
  ELSIF u.published_asset_id IS NOT NULL THEN
    SELECT * INTO shown FROM mux_assets a WHERE a.asset_id = u.published_asset_id;
    IF shown.status = 'deleted' THEN
      v_state := 'failed'; v_reason := 'asset_deleted';
    ELSE
      v_state := 'ready';
    END IF;
  ELSIF source.asset_id IS NULL THEN
    v_state := CASE u.mux_upload_status
      WHEN 'asset_created' THEN 'processing' WHEN 'errored' THEN 'failed'
      WHEN 'timed_out' THEN 'expired' ELSE 'waiting' END;
    IF v_state = 'failed' THEN
      v_reason := 'upload_failed'; v_detail := u.detail;
    END IF;
  ELSIF source.error IS NOT NULL AND source.status IN ('errored', 'deleted') THEN
    v_state := 'failed'; v_reason := 'not_a_video'; v_detail := source.error;
  ELSIF source.audio_only THEN
    v_state := 'failed'; v_reason := 'audio_only';
  ELSIF source.status = 'deleted' AND clip.status IS DISTINCT FROM 'ready' THEN
    v_state := 'failed'; v_reason := 'asset_deleted';
  ELSIF source.status = 'preparing' OR source.duration_ms IS NULL THEN
    v_state := 'processing';
  ELSIF source.duration_ms <= v_longest THEN
    IF source.playback_id IS NULL THEN v_state := 'processing'; ELSE v_state := 'ready'; shown := source; END IF;
  ELSIF u.trim_refusal IS NOT NULL THEN
    v_state := 'failed'; v_reason := 'trim_refused'; v_detail := u.trim_refusal;
  ELSIF clip.status IN ('ready', 'deleted') AND clip.duration_ms > v_longest THEN
    v_state := 'failed'; v_reason := 'trim_too_long';
  ELSIF clip.status IN ('errored', 'deleted') THEN
    v_state := 'failed'; v_reason := 'trim_failed'; v_detail := clip.error;
  ELSIF clip.status = 'ready' AND clip.duration_ms IS NOT NULL AND clip.playback_id IS NOT NULL THEN
    v_state := 'ready'; shown := clip;
  ELSE
    v_state := 'trimming';
  END IF;
  IF u.given_up AND v_state IN ('processing', 'trimming') THEN
    v_reason := CASE v_state WHEN 'trimming' THEN 'trim_never_finished' ELSE 'never_finished' END;
    v_state := 'failed';
  END IF;

  v_undecided := ARRAY(SELECT vroom_private.undecided_assets(u));
  -- What a failed trim was made of is kept: the video is whole, and its owner may want it.
  UPDATE mux_assets a SET unwanted = NOT a.unwanted
  WHERE a.post_id = post AND a.unwanted IS DISTINCT FROM CASE v_state
    WHEN 'ready' THEN a.asset_id <> coalesce(u.published_asset_id, shown.asset_id)
    WHEN 'cancelled' THEN true
    WHEN 'failed' THEN NOT (v_reason LIKE 'trim%' AND a.asset_id = u.source_asset_id OR a.asset_id = ANY (v_undecided))
    ELSE NOT (a.asset_id = coalesce(u.source_asset_id, '') OR a.asset_id = coalesce(u.clip_asset_id, '')
              OR a.asset_id = ANY (v_undecided))
  END;

  UPDATE uploads x
  SET state = v_state, reason = v_reason, detail = v_detail, cancelled = x.cancelled OR v_state = 'cancelled',
      published_asset_id = CASE WHEN v_state = 'ready' THEN coalesce(x.published_asset_id, shown.asset_id)
                                ELSE x.published_asset_id END,
      state_since = CASE WHEN x.state = v_state THEN x.state_since ELSE now() END,
      checks = CASE WHEN x.state = v_state THEN x.checks ELSE 0 END
  WHERE x.post_id = post
  RETURNING x.* INTO u;
  v_left := v_state IN ('waiting', 'processing', 'trimming') OR vroom_private.upload_steps(u, true) <> '[]';
  UPDATE uploads x
  SET next_check_at = CASE WHEN NOT v_left THEN NULL
                           WHEN x.checks = 0 THEN least(x.next_check_at, now())
                           ELSE coalesce(x.next_check_at, now()) END
  WHERE x.post_id = post;

  IF v_state = 'ready' THEN
    UPDATE posts p
    SET mux_asset_id = shown.asset_id, mux_playback_id = shown.playback_id, mux_ready = true,
        mux_duration_ms = least(shown.duration_ms, u.cap_ms), mux_max_resolution = shown.resolution,
        mux_hls_url = stream_base || '/' || shown.playback_id || '.m3u8',
        aspect_ratio = shown.aspect_ratio, published_at = coalesce(p.published_at, now())
    WHERE p.id = post AND NOT p.mux_ready;
  ELSIF v_state = 'cancelled' THEN
    DELETE FROM posts p WHERE p.id = post;
  ELSIF u.published_asset_id IS NOT NULL THEN
    UPDATE posts p SET mux_ready = false, mux_playback_id = NULL, mux_hls_url = NULL
    WHERE p.id = post AND p.mux_ready;
  END IF;
END
$$;

-- Whoever deletes a post (its owner, an erasure, an operator) thereby gives up its upload and assets.
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

-- What callers are told of an upload.
CREATE OR REPLACE FUNCTION vroom_private.upload_snapshot(post uuid, was text, include_polling boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT jsonb_build_object(
    'post_id', u.post_id, 'creator_id', u.creator_id, 'state', u.state, 'was', was, 'reason', u.reason,
    'mux_upload_id', u.mux_upload_id, 'source_asset_id', u.source_asset_id, 'cap_ms', u.cap_ms,
    'resolution_tier', u.resolution_tier, 'created_at', extract(epoch FROM u.created_at),
    'steps', vroom_private.upload_steps(u, include_polling))
  FROM uploads u
  WHERE u.post_id = post
$$;

REVOKE ALL ON FUNCTION vroom_private.is_source_certain(public.uploads) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.undecided_assets(public.uploads) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.choose_assets(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.upload_steps(public.uploads, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.settle_upload(uuid, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.uploads_of_deleted_posts() FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.upload_snapshot(uuid, text, boolean) FROM PUBLIC;

COMMIT;
