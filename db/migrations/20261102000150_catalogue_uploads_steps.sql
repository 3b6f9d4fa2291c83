BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- This file decides which of a post's assets are its source and its clip, and what remains to be done for the post
-- at Mux.

-- Return the rank of a status of an upload. Where two facts about one upload disagree, the status with the higher
-- rank holds.
CREATE OR REPLACE FUNCTION vroom_private.upload_status_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(array_position(
  ARRAY['waiting', 'timed_out', 'cancelled', 'errored', 'asset_created'], status), 0);

CREATE OR REPLACE FUNCTION vroom_private.asset_status_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(array_position(ARRAY['preparing', 'errored', 'ready', 'deleted'], status), 0);

-- Return by how much a video may be longer than the cap without being trimmed. Encoders round durations.
CREATE OR REPLACE FUNCTION vroom_private.duration_tolerance_ms() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 500;

-- Return whether the source is the asset that Mux made of the post's own upload. Anybody with access to the Mux
-- account can make an asset with the post's passthrough.
CREATE OR REPLACE FUNCTION vroom_private.is_source_certain(u public.uploads) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM mux_assets a WHERE a.asset_id = u.source_asset_id AND a.mux_upload_id = u.mux_upload_id)
$$;

-- Return the assets that may still turn out to be made of the post's own upload. They are kept until this is
-- known, or until it can no longer matter.
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

-- Choose which of a post's assets is its source, and which one is the source's clip. The asset of another upload
-- is never the source. An asset whose upload Mux has not named is the source only as long as the asset of the
-- post's own upload is unknown and nothing is published. A change of source drops what was asked for the former
-- source.
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
             -- Mux does not always say that an asset is a clip. A clip exists only after it was asked for.
             ELSE a.mux_upload_id IS NULL AND a.created_at > u.trim_claimed_at END
  ORDER BY a.is_clip DESC, a.asset_id = u.clip_asset_id DESC NULLS LAST, a.created_at, a.asset_id
  LIMIT 1;
  IF v_clip IS DISTINCT FROM u.clip_asset_id THEN
    UPDATE uploads x SET clip_asset_id = v_clip WHERE x.post_id = post;
  END IF;
END
$$;

-- Return what remains to be done at Mux for an upload: [{do, id, age_s}]
--
-- With `include_polling` the result includes the steps that ask Mux for news, because an event may have been lost.
-- Only the sweep takes these steps.
CREATE OR REPLACE FUNCTION vroom_private.upload_steps(u public.uploads, include_polling boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('do', s.do, 'id', s.id, 'age_s', s.age_s) ORDER BY s.place, s.id), '[]')
  FROM (
    SELECT 1 AS place, 'find_upload' AS do, u.post_id::text AS id,
           extract(epoch FROM now() - u.making_until)::integer AS age_s
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
    WHERE a.post_id = u.post_id  -- this uses an index, however many assets there are
      AND CASE WHEN u.published_asset_id IS NOT NULL
               -- The fact that took the post down is confirmed at once. The sweep has separate turns for it.
               THEN a.asset_id = u.published_asset_id AND u.reason = 'playback_removed' AND NOT include_polling
               ELSE (u.state = 'processing' AND a.asset_id = u.source_asset_id
                     OR u.state = 'trimming' AND a.asset_id = u.clip_asset_id)
                    AND (a.status = 'ready' OR include_polling) END
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

-- Return the description of an upload for the functions.
CREATE OR REPLACE FUNCTION vroom_private.upload_snapshot(post uuid, was text, include_polling boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT jsonb_build_object(
    'post_id', u.post_id, 'creator_id', u.creator_id, 'state', u.state, 'was', was, 'reason', u.reason,
    'mux_upload_id', u.mux_upload_id, 'source_asset_id', u.source_asset_id, 'cap_ms', u.cap_ms,
    'resolution_tier', u.resolution_tier, 'playback_policy', u.playback_policy,
    'created_at', extract(epoch FROM u.created_at),
    'steps', vroom_private.upload_steps(u, include_polling))
  FROM uploads u
  WHERE u.post_id = post
$$;

DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'vroom_private.is_source_certain(public.uploads)',
    'vroom_private.undecided_assets(public.uploads)',
    'vroom_private.choose_assets(uuid)',
    'vroom_private.upload_steps(public.uploads, boolean)',
    'vroom_private.upload_snapshot(uuid, text, boolean)'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, NULL);
  END LOOP;
END $$;

COMMIT;
