BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The functions in this file are for mux_webhook. They take in facts from Mux's events and answers, and claim a
-- trim.

-- Take in what was said about a post's upload. Facts about another upload with the post's passthrough are ignored.
-- A fact without an upload says that the sweep found none at Mux. It is ignored where a request has gone on since,
-- which asks Mux for one or has got it.
CREATE OR REPLACE FUNCTION vroom_private.take_in_upload_facts(post uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  f record;
BEGIN
  SELECT * INTO f FROM jsonb_to_record(facts) AS r(upload_id text, upload_status text, asset_id text, error text);
  UPDATE uploads x
  SET mux_upload_id = coalesce(x.mux_upload_id, f.upload_id),
      mux_upload_status = CASE
        WHEN vroom_private.upload_status_rank(f.upload_status) > vroom_private.upload_status_rank(x.mux_upload_status)
        THEN f.upload_status ELSE x.mux_upload_status END,
      detail = CASE WHEN f.asset_id IS NULL THEN coalesce(f.error, x.detail) ELSE x.detail END
  WHERE x.post_id = post AND f.upload_status IS NOT NULL
    AND CASE WHEN f.upload_id IS NULL
             THEN x.mux_upload_id IS NULL AND x.making_until <= now() - interval '1 minute'
             ELSE coalesce(x.mux_upload_id, f.upload_id) = f.upload_id END;
  UPDATE posts p SET mux_upload_id = x.mux_upload_id
  FROM uploads x
  WHERE x.post_id = post AND p.id = post AND p.mux_upload_id IS NULL AND x.mux_upload_id IS NOT NULL;
END
$$;

-- Take in what was said about one of a post's assets. `as_of` (Unix seconds) orders what was said about playback
-- ids. An older event changes nothing, and an event without a time counts only where nothing is known yet.
-- `missing` means that Mux did not find the asset when it was asked. For a published asset this may turn out to be
-- wrong, as with the token of another environment, so the post comes back once Mux finds the asset again.
CREATE OR REPLACE FUNCTION vroom_private.take_in_asset_facts(post uuid, facts jsonb, answered boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  f           record;
  v_as_of     timestamptz;
  v_published boolean;
BEGIN
  SELECT * INTO f FROM jsonb_to_record(facts) AS r(
    upload_id text, asset_id text, asset_status text, is_clip boolean, clip_of text, missing boolean,
    playback_known boolean, playback_id text, signed_playback_id text, as_of double precision,
    duration_ms integer, audio_only boolean, aspect_ratio text, resolution text, error text, note text);
  v_as_of := coalesce(to_timestamp(f.as_of), '-infinity');
  v_published := EXISTS (SELECT FROM uploads u WHERE u.post_id = post AND u.published_asset_id = f.asset_id);
  IF f.missing THEN
    UPDATE mux_assets a
    SET missing = v_published, status = CASE WHEN v_published THEN a.status ELSE 'deleted' END
    WHERE a.asset_id = f.asset_id;
    RETURN;
  END IF;
  INSERT INTO mux_assets AS a (
    asset_id, post_id, mux_upload_id, is_clip, clip_of, status, playback_id, signed_playback_id, playback_as_of,
    duration_ms, audio_only, aspect_ratio, resolution, error, note)
  VALUES (f.asset_id, post, f.upload_id, coalesce(f.is_clip, false), f.clip_of,
          coalesce(f.asset_status, 'preparing'), f.playback_id, f.signed_playback_id,
          CASE WHEN f.playback_known THEN v_as_of ELSE '-infinity' END,
          f.duration_ms, f.audio_only, f.aspect_ratio, f.resolution,
          coalesce(f.error, CASE f.asset_status WHEN 'errored' THEN 'no reason given' END), f.note)
  ON CONFLICT (asset_id) DO UPDATE
  SET mux_upload_id = coalesce(a.mux_upload_id, excluded.mux_upload_id),
      is_clip = a.is_clip OR excluded.is_clip,
      clip_of = coalesce(a.clip_of, excluded.clip_of),
      status = CASE
        WHEN vroom_private.asset_status_rank(excluded.status) > vroom_private.asset_status_rank(a.status)
        THEN excluded.status ELSE a.status END,
      missing = a.missing AND NOT answered,
      duration_ms = coalesce(excluded.duration_ms, a.duration_ms),
      audio_only = coalesce(excluded.audio_only, a.audio_only),
      aspect_ratio = coalesce(excluded.aspect_ratio, a.aspect_ratio),
      resolution = coalesce(excluded.resolution, a.resolution),
      error = coalesce(excluded.error, a.error),
      note = coalesce(excluded.note, a.note);
  UPDATE mux_assets a
  SET playback_id = f.playback_id, signed_playback_id = f.signed_playback_id, playback_as_of = v_as_of
  WHERE a.asset_id = f.asset_id AND f.playback_known AND v_as_of >= a.playback_as_of;
END
$$;

-- Take in what an event says or what Mux answered, settle the post concerned, and return its description. An event
-- has an event_id and is taken in once only; an answer has none. Return {"state": null} where the facts concern
-- none of our posts.
CREATE OR REPLACE FUNCTION public.receive_mux_facts(
  event_id text, event_type text, facts jsonb, stream_base text, include_polling boolean
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_event text := event_id;
  v_asset text := facts ->> 'asset_id';
  v_was   text;
  v_post  uuid;
  v_new   boolean := true;
BEGIN
  -- Mux's own ids take precedence over the passthrough, which anybody with access to Mux may change.
  v_post := coalesce(
    (SELECT a.post_id FROM mux_assets a WHERE a.asset_id = v_asset),
    (SELECT x.post_id FROM uploads x WHERE x.mux_upload_id = facts ->> 'upload_id'),
    (facts ->> 'post_id')::uuid);
  SELECT x.state INTO v_was FROM uploads x WHERE x.post_id = v_post FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('post_id', v_post, 'state', NULL, 'was', NULL, 'steps', '[]'::jsonb);
  END IF;
  IF v_event IS NOT NULL THEN
    INSERT INTO mux_events (event_id, event_type, post_id) VALUES (v_event, event_type, v_post)
    ON CONFLICT DO NOTHING;
    v_new := FOUND;
  END IF;
  IF v_new THEN
    PERFORM vroom_private.take_in_upload_facts(v_post, facts);
    IF v_asset IS NOT NULL THEN
      PERFORM vroom_private.take_in_asset_facts(v_post, facts, v_event IS NULL);
    END IF;
    PERFORM vroom_private.settle_upload(v_post, stream_base);
  END IF;
  RETURN vroom_private.upload_snapshot(v_post, v_was, include_polling);
END
$$;

-- Give one token alone the right to ask Mux for the clip of a source, and return whether it has that right.
-- `instead_of` names an earlier claim for which Mux turned out to have no clip, or is null where there was none.
CREATE OR REPLACE FUNCTION public.claim_trim(post uuid, source text, token uuid, instead_of uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  UPDATE uploads u SET trim_claim = token, trim_claimed_at = now()
  WHERE u.post_id = post AND u.state = 'trimming' AND u.source_asset_id = source AND u.clip_asset_id IS NULL
    AND u.trim_claim IS NOT DISTINCT FROM instead_of;
  RETURN EXISTS (SELECT FROM uploads u WHERE u.post_id = post AND u.trim_claim = token);
END
$$;

-- Give a claim back, because Mux made no clip. `refusal` says why Mux will never make it.
CREATE OR REPLACE FUNCTION public.release_trim(post uuid, token uuid, refusal text, include_polling boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_was text;
BEGIN
  SELECT u.state INTO v_was FROM uploads u WHERE u.post_id = post FOR UPDATE;
  UPDATE uploads u SET trim_claim = NULL, trim_claimed_at = NULL, trim_refusal = coalesce(refusal, u.trim_refusal)
  WHERE u.post_id = post AND u.trim_claim = token AND u.clip_asset_id IS NULL;
  IF FOUND THEN
    PERFORM vroom_private.settle_upload(post, '');
  END IF;
  RETURN vroom_private.upload_snapshot(post, v_was, include_polling);
END
$$;

DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'public.receive_mux_facts(text, text, jsonb, text, boolean)',
    'public.claim_trim(uuid, text, uuid, uuid)',
    'public.release_trim(uuid, uuid, text, boolean)'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, 'vroom_webhook');
  END LOOP;
  PERFORM vroom_private.open_only_to('vroom_private.take_in_upload_facts(uuid, jsonb)', NULL);
  PERFORM vroom_private.open_only_to('vroom_private.take_in_asset_facts(uuid, jsonb, boolean)', NULL);
END $$;

COMMIT;
