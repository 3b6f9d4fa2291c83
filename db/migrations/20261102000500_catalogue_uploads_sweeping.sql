BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The functions in this file are for the sweep of mux_webhook. They claim what is due, compare Mux's list of
-- assets with ours, and renew addresses.

-- Claim the unfinished uploads that are due, each for one sweep only. Each wait for the next turn is twice as long
-- as the one before. An upload that waits for its file is due no later than when it expires. After that it is due
-- again after as long as it is overdue. Uploads that are unfinished `give_up_s` seconds after their time to upload
-- are given up.
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
          -- Mux does not report that an upload timed out.
          CASE WHEN x.state = 'waiting'
               THEN greatest(x.expires_at, now() + greatest(now() - x.expires_at, interval '1 second')) END),
        given_up = x.given_up OR x.expires_at < now() - make_interval(secs => give_up_s)
    WHERE x.post_id = u.post_id;
    PERFORM vroom_private.settle_upload(u.post_id, '');
    RETURN NEXT vroom_private.upload_snapshot(u.post_id, v_was, true);
  END LOOP;
END
$$;

-- Claim published posts of which Mux has not been asked for a long time, starting with those that were asked for
-- the longest ago. Each comes back after `every_s` seconds, give or take a tenth, so that the posts of one day are
-- not all due together.
CREATE OR REPLACE FUNCTION public.claim_playback_checks(max_rows integer, every_s integer) RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  WITH due AS (
    SELECT x.post_id FROM uploads x WHERE x.playback_check_at <= now()
    ORDER BY x.playback_check_at LIMIT max_rows FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE uploads u SET playback_check_at = now() + make_interval(secs => every_s * (0.9 + 0.2 * random()))
    FROM due WHERE u.post_id = due.post_id
    RETURNING u.post_id, u.state, u.published_asset_id
  )
  SELECT vroom_private.upload_snapshot(c.post_id, c.state, true) || jsonb_build_object('steps',
    jsonb_build_array(jsonb_build_object(
      'do', 'ask_asset', 'id', c.published_asset_id,
      'age_s', extract(epoch FROM now() - a.created_at)::integer)))
  FROM claimed c
  JOIN mux_assets a ON a.asset_id = c.published_asset_id
$$;

-- Compare assets that Mux lists, [{asset_id, post_id, playback_id, signed_playback_id}], with what is known of
-- them. Return those assets of our posts that are unknown, and those whose playback ids differ from the known
-- ones. Mux need not be asked about a published post whose asset is unchanged until much later.
CREATE OR REPLACE FUNCTION public.compare_mux_assets(listed jsonb, every_s integer)
RETURNS TABLE (asset_id text, is_known boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  WITH f AS (
    SELECT l.*, a.post_id AS known_post,
           a.asset_id IS NOT NULL AND a.playback_id IS NOT DISTINCT FROM l.playback_id
             AND a.signed_playback_id IS NOT DISTINCT FROM l.signed_playback_id AND NOT a.missing AS is_same
    FROM jsonb_to_recordset(listed) AS l(asset_id text, post_id uuid, playback_id text, signed_playback_id text)
    LEFT JOIN mux_assets a ON a.asset_id = l.asset_id
  ), unchanged AS (
    UPDATE uploads u SET playback_check_at = now() + make_interval(secs => every_s * (0.9 + 0.2 * random()))
    FROM (
      SELECT x.post_id FROM f
      JOIN uploads x ON x.post_id = f.known_post AND x.published_asset_id = f.asset_id
      WHERE f.is_same AND x.state = 'ready' AND x.playback_check_at IS NOT NULL
      FOR UPDATE OF x SKIP LOCKED  -- the transaction that holds this lock may hold others, too
    ) seen
    WHERE u.post_id = seen.post_id
  )
  SELECT f.asset_id, f.known_post IS NOT NULL
  FROM f
  JOIN uploads u ON u.post_id = coalesce(f.known_post, f.post_id)
  WHERE f.known_post IS NULL OR NOT f.is_same AND u.published_asset_id = f.asset_id
$$;

-- Begin a sweep, if no other sweep works, because two together would exceed Mux's rate limits. Return the page of
-- Mux's list of assets that is to be read next, or no row while another sweep works. Keep the address at which
-- playlists are served now.
CREATE OR REPLACE FUNCTION public.begin_mux_sweep(sweeper uuid, lease_s integer, base text) RETURNS SETOF integer
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  UPDATE mux_sweep s
  SET holder = sweeper, held_until = now() + make_interval(secs => lease_s), stream_base = base,
      addresses_after = CASE WHEN s.stream_base = base THEN s.addresses_after
                             ELSE '00000000-0000-0000-0000-000000000000' END
  WHERE s.held_until <= now() OR s.holder = sweeper
  RETURNING s.assets_page
$$;

-- Make posts.mux_hls_url of the next posts begin with the present address of playlists after that address has
-- changed. Return whether posts are left. Addresses of another form belong to the application and stay as they
-- are.
CREATE OR REPLACE FUNCTION public.renew_stream_addresses(sweeper uuid, max_rows integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  s      mux_sweep;
  v_next uuid[];
BEGIN
  SELECT * INTO s FROM mux_sweep x WHERE x.holder = sweeper AND x.addresses_after IS NOT NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  v_next := ARRAY(SELECT p.id FROM posts p WHERE p.id > s.addresses_after ORDER BY p.id LIMIT max_rows);
  UPDATE posts p SET mux_hls_url = s.stream_base || '/' || p.mux_playback_id || '.m3u8'
  WHERE p.id = ANY (v_next)
    AND right(p.mux_hls_url, length(p.mux_playback_id) + 6) = '/' || p.mux_playback_id || '.m3u8'
    AND p.mux_hls_url <> s.stream_base || '/' || p.mux_playback_id || '.m3u8';
  UPDATE mux_sweep x SET addresses_after = v_next[max_rows];  -- null where these posts were the last ones
  RETURN coalesce(array_length(v_next, 1), 0) = max_rows;
END
$$;

-- End a sweep, and delete the rows that nobody asks for any more. Mux repeats an event for a day at most.
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
    'public.claim_upload_checks(integer, integer)',
    'public.claim_playback_checks(integer, integer)',
    'public.compare_mux_assets(jsonb, integer)',
    'public.begin_mux_sweep(uuid, integer, text)',
    'public.renew_stream_addresses(uuid, integer)',
    'public.end_mux_sweep(uuid, integer)'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, 'vroom_webhook');
  END LOOP;
END $$;

COMMIT;
