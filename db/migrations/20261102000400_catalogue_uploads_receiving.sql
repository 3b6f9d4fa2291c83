BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- What mux_webhook may do: take in facts, claim a trim, sweep.

-- Takes in what an event says (event_id given: once only) or what Mux answered (event_id null), settles
-- the post concerned and returns its snapshot. {"state": null} where the facts are about none of our posts.
CREATE OR REPLACE FUNCTION public.receive_mux_facts(
  event_id text, event_type text, facts jsonb, stream_base text, include_polling boolean
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_event text := event_id;
  f       record;
  u       uploads;
  v_post  uuid;
  v_new   boolean := true;
BEGIN
  SELECT * INTO f FROM jsonb_to_record(facts) AS r(
    post_id uuid, upload_id text, upload_status text, asset_id text, asset_status text, is_clip boolean, clip_of text,
    playback_id text, duration_ms integer, audio_only boolean, aspect_ratio text, resolution text, error text);
  -- Mux's own ids know better than the passthrough, which anybody with access to Mux may change.
  v_post := coalesce(
    (SELECT a.post_id FROM mux_assets a WHERE a.asset_id = f.asset_id),
    (SELECT x.post_id FROM uploads x WHERE x.mux_upload_id = f.upload_id),
    f.post_id);
  SELECT * INTO u FROM uploads x WHERE x.post_id = v_post FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('post_id', v_post, 'state', NULL, 'was', NULL, 'steps', '[]'::jsonb);
  END IF;

  IF v_event IS NOT NULL THEN
    INSERT INTO mux_events (event_id, event_type, post_id) VALUES (v_event, event_type, v_post)
    ON CONFLICT DO NOTHING;
    v_new := FOUND;
  END IF;
  IF v_new THEN
    -- Another upload with this passthrough is not this post's.
    IF f.upload_status IS NOT NULL AND coalesce(f.upload_id, '') IN ('', coalesce(u.mux_upload_id, f.upload_id, '')) THEN
      UPDATE uploads x
      SET mux_upload_id = coalesce(x.mux_upload_id, f.upload_id),
          mux_upload_status = CASE
            WHEN vroom_private.upload_status_rank(f.upload_status) > vroom_private.upload_status_rank(x.mux_upload_status)
            THEN f.upload_status ELSE x.mux_upload_status END,
          detail = CASE WHEN f.asset_id IS NULL THEN coalesce(f.error, x.detail) ELSE x.detail END
      WHERE x.post_id = v_post
      RETURNING x.* INTO u;
      UPDATE posts p SET mux_upload_id = u.mux_upload_id
      WHERE p.id = v_post AND p.mux_upload_id IS NULL AND u.mux_upload_id IS NOT NULL;
    END IF;
    IF f.asset_id IS NOT NULL THEN
      INSERT INTO mux_assets AS a (
        asset_id, post_id, mux_upload_id, is_clip, clip_of, status, playback_id, duration_ms, audio_only,
        aspect_ratio, resolution, error)
      VALUES (f.asset_id, v_post, f.upload_id, coalesce(f.is_clip, false), f.clip_of,
              coalesce(f.asset_status, 'preparing'), f.playback_id, f.duration_ms, f.audio_only,
              f.aspect_ratio, f.resolution,
              coalesce(f.error, CASE f.asset_status WHEN 'errored' THEN 'no reason given' END))
      ON CONFLICT (asset_id) DO UPDATE
      SET mux_upload_id = coalesce(a.mux_upload_id, excluded.mux_upload_id),
          is_clip = a.is_clip OR excluded.is_clip,
          clip_of = coalesce(a.clip_of, excluded.clip_of),
          status = CASE
            WHEN vroom_private.asset_status_rank(excluded.status) > vroom_private.asset_status_rank(a.status)
            THEN excluded.status ELSE a.status END,
          playback_id = coalesce(excluded.playback_id, a.playback_id),
          duration_ms = coalesce(excluded.duration_ms, a.duration_ms),
          audio_only = coalesce(excluded.audio_only, a.audio_only),
          aspect_ratio = coalesce(excluded.aspect_ratio, a.aspect_ratio),
          resolution = coalesce(excluded.resolution, a.resolution),
          error = coalesce(excluded.error, a.error);
    END IF;
    PERFORM vroom_private.settle_upload(v_post, stream_base);
  END IF;
  RETURN vroom_private.upload_snapshot(v_post, u.state, include_polling);
END
$$;

-- The right to ask Mux for the clip of a source: true for one token only. `instead_of` names the claim
-- that a look at Mux has shown to have come to nothing; null where there was none.
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

-- Gives a claim back, since Mux surely made no clip. `refusal`: it never will, and why.
CREATE OR REPLACE FUNCTION public.release_trim(post uuid, token uuid, refusal text, include_polling boolean) RETURNS jsonb
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

-- The uploads whose turn it is, each for one sweep only. The next turn comes after twice the time; for one
-- that waits for its file no later than when it expires, then after as long again as it is overdue. Those
-- unfinished for `give_up_s` seconds beyond the time to upload are given up.
CREATE OR REPLACE FUNCTION public.claim_upload_checks(max_rows integer, give_up_s integer) RETURNS SETOF jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  u     uploads;
  v_was text;
BEGIN
  FOR u IN
    SELECT * FROM uploads x WHERE x.next_check_at <= now()
    ORDER BY x.next_check_at LIMIT max_rows FOR UPDATE SKIP LOCKED
  LOOP
    v_was := u.state;
    UPDATE uploads x
    SET checks = x.checks + 1,
        next_check_at = least(
          now() + make_interval(secs => least(600, 2 ^ least(x.checks, 10))),
          -- Mux tells nobody that an upload timed out.
          CASE WHEN x.state = 'waiting'
               THEN greatest(x.expires_at, now() + greatest(now() - x.expires_at, interval '1 second')) END),
        given_up = x.given_up OR x.expires_at < now() - make_interval(secs => give_up_s)
    WHERE x.post_id = u.post_id;
    PERFORM vroom_private.settle_upload(u.post_id, '');
    RETURN NEXT vroom_private.upload_snapshot(u.post_id, v_was, true);
  END LOOP;
END
$$;

-- Which of the assets found at Mux, [{asset_id, post_id}], are of our posts and yet unknown to us.
CREATE OR REPLACE FUNCTION public.unknown_mux_assets(found jsonb) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT f.asset_id
  FROM jsonb_to_recordset(found) AS f(asset_id text, post_id uuid)
  JOIN uploads u ON u.post_id = f.post_id
  WHERE NOT EXISTS (SELECT FROM mux_assets a WHERE a.asset_id = f.asset_id)
$$;

-- One sweep at a time, or two together would exceed Mux's rate limits. Answers the page of Mux's list of
-- assets at which the search for orphans goes on; no row while another one sweeps.
CREATE OR REPLACE FUNCTION public.begin_mux_sweep(sweeper uuid, lease_s integer) RETURNS SETOF integer
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  UPDATE mux_sweep s SET holder = sweeper, held_until = now() + make_interval(secs => lease_s)
  WHERE s.held_until <= now() OR s.holder = sweeper
  RETURNING s.assets_page
$$;

-- Ends a sweep and forgets what nobody asks for any more: Mux repeats events for a day at most.
CREATE OR REPLACE FUNCTION public.end_mux_sweep(sweeper uuid, next_page integer) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  DELETE FROM mux_events e WHERE e.event_id IN (
    SELECT o.event_id FROM mux_events o WHERE o.received_at < now() - interval '7 days'
    ORDER BY o.received_at LIMIT 1000);
  WITH old AS (
    SELECT u.post_id FROM uploads u
    WHERE u.state = 'cancelled' AND u.next_check_at IS NULL AND u.state_since < now() - interval '30 days'
    ORDER BY u.state_since LIMIT 100 FOR UPDATE SKIP LOCKED
  ), assets AS (
    DELETE FROM mux_assets a USING old WHERE a.post_id = old.post_id
  )
  DELETE FROM uploads u USING old WHERE u.post_id = old.post_id;
  UPDATE mux_sweep s SET held_until = '-infinity', holder = NULL, assets_page = next_page
  WHERE s.holder = sweeper;
$$;

GRANT USAGE ON SCHEMA public TO vroom_webhook;
DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'public.receive_mux_facts(text, text, jsonb, text, boolean)',
    'public.claim_trim(uuid, text, uuid, uuid)',
    'public.release_trim(uuid, uuid, text, boolean)',
    'public.claim_upload_checks(integer, integer)',
    'public.unknown_mux_assets(jsonb)',
    'public.begin_mux_sweep(uuid, integer)',
    'public.end_mux_sweep(uuid, integer)'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, 'vroom_webhook');
  END LOOP;
END $$;

COMMIT;
