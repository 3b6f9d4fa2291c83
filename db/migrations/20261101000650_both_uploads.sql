BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file holds uploads: one row for each post that begins as a file on a phone. The catalogue writes them. A
-- cell has a copy, from which viewers are told what is kept of them.
--
-- There is no foreign key to posts, because an upload outlives its post until Mux has deleted what belongs to it.

CREATE TABLE IF NOT EXISTS public.uploads (
  post_id            uuid PRIMARY KEY,
  creator_id         uuid NOT NULL,
  state              text NOT NULL DEFAULT 'waiting' CHECK (state IN (
                       'waiting', 'processing', 'trimming', 'ready', 'failed', 'cancelled', 'expired')),
  state_since        timestamptz NOT NULL DEFAULT now(),
  reason             text,  -- why it failed, as a code
  detail             text,  -- what Mux said about a failure, or what was found in a video that plays
  size_bytes         bigint NOT NULL,
  duration_ms        integer,  -- as the client declared it
  cap_ms             integer NOT NULL CHECK (cap_ms > 0),
  resolution_tier    text NOT NULL,
  playback_policy    text NOT NULL DEFAULT 'public' CHECK (playback_policy IN ('public', 'signed')),
  idempotency_key    text,  -- the key of the request that made it, as long as the key holds
  request_hash       text,  -- what that request asked for
  key_until          timestamptz,
  making_until       timestamptz NOT NULL DEFAULT now(),  -- until then a request may be asking Mux for the upload
  answer             text,  -- the answer that the request got
  mux_upload_id      text UNIQUE,
  mux_upload_status  text CHECK (mux_upload_status IN (
                       'waiting', 'timed_out', 'cancelled', 'errored', 'asset_created')),
  source_asset_id    text,
  clip_asset_id      text,
  published_asset_id text,
  trim_claim         uuid,  -- only the caller who wrote it may ask Mux for the clip
  trim_claimed_at    timestamptz,
  trim_refusal       text,  -- why Mux refused to make the clip
  cancelled          boolean NOT NULL DEFAULT false,  -- the owner deleted it, or its post no longer exists
  given_up           boolean NOT NULL DEFAULT false,  -- it was unfinished for too long
  created_at         timestamptz NOT NULL DEFAULT now(),
  expires_at         timestamptz NOT NULL,
  checks             integer NOT NULL DEFAULT 0,  -- how often the sweep has checked it in this state
  next_check_at      timestamptz DEFAULT now(),   -- null: nothing remains to be done
  playback_check_at  timestamptz                  -- when Mux is asked whether a published video still plays
);
CREATE INDEX IF NOT EXISTS uploads_due ON public.uploads (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS uploads_playback_due ON public.uploads (playback_check_at)
  WHERE playback_check_at IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS uploads_by_key ON public.uploads (creator_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS uploads_by_creator ON public.uploads (creator_id);
CREATE INDEX IF NOT EXISTS uploads_open ON public.uploads (creator_id) WHERE state = 'waiting';

-- The rows that end_mux_sweep deletes, which are a small part of the table.
CREATE INDEX IF NOT EXISTS uploads_cleared ON public.uploads (state_since)
  WHERE state = 'cancelled' AND next_check_at IS NULL;

ALTER TABLE public.uploads ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "read_own_uploads" ON public.uploads;
CREATE POLICY "read_own_uploads" ON public.uploads
  FOR SELECT USING (creator_id = (SELECT auth.uid()));
GRANT SELECT ON public.uploads TO vroom_app;

COMMIT;
