BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Uploads: the way of a post from a phone's file to the feed.
--
-- uploads     one row a post: what people are told of it, and what is still to be done about it
-- mux_assets  one row an asset that names a post: source, clip, or one too many
-- mux_events  ids of the events that were taken in, so that a duplicate changes nothing
-- mux_sweep   one row: who sweeps now, and how far the search for orphans has come
--
-- Facts about uploads and assets only ever grow (a status never goes back), and the state of a post is
-- computed from the facts alone. So neither the order of Mux's events nor their number matters.
--
-- posts gets its Mux fields only when a video is published: until then no column that a feed could
-- serve holds a playback id. No foreign key to posts: an upload outlives its post until Mux's side of
-- it is cleared.

CREATE TABLE IF NOT EXISTS public.uploads (
  post_id            uuid PRIMARY KEY,
  creator_id         uuid NOT NULL,
  state              text NOT NULL DEFAULT 'waiting' CHECK (state IN (
                       'waiting', 'processing', 'trimming', 'ready', 'failed', 'cancelled', 'expired')),
  state_since        timestamptz NOT NULL DEFAULT now(),
  reason             text,  -- a code, of failed ones
  detail             text,  -- what Mux said about it
  size_bytes         bigint NOT NULL,
  duration_ms        integer,  -- as the client declared it
  cap_ms             integer NOT NULL CHECK (cap_ms > 0),
  resolution_tier    text NOT NULL,
  mux_upload_id      text UNIQUE,
  mux_upload_status  text CHECK (mux_upload_status IN (
                       'waiting', 'timed_out', 'cancelled', 'errored', 'asset_created')),
  source_asset_id    text,
  clip_asset_id      text,
  published_asset_id text,
  trim_claim         uuid,  -- whoever wrote it may ask Mux for the clip, nobody else
  trim_claimed_at    timestamptz,
  trim_refusal       text,  -- why Mux refused to make the clip
  cancelled          boolean NOT NULL DEFAULT false,  -- its owner wants it gone, or its post is gone
  given_up           boolean NOT NULL DEFAULT false,  -- unfinished for too long
  created_at         timestamptz NOT NULL DEFAULT now(),
  expires_at         timestamptz NOT NULL,
  checks             integer NOT NULL DEFAULT 0,  -- by the sweep, in this state
  next_check_at      timestamptz DEFAULT now()    -- null: nothing is left to be done
);
CREATE INDEX IF NOT EXISTS uploads_due ON public.uploads (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS uploads_open ON public.uploads (creator_id) WHERE state = 'waiting';

-- What end_mux_sweep clears away: few of many.
CREATE INDEX IF NOT EXISTS uploads_cleared ON public.uploads (state_since) WHERE state = 'cancelled' AND next_check_at IS NULL;

CREATE TABLE IF NOT EXISTS public.mux_assets (
  asset_id    text PRIMARY KEY,
  post_id     uuid NOT NULL,
  mux_upload_id text,  -- the upload it was made of; null: Mux has not said
  is_clip     boolean NOT NULL,  -- Mux has said so
  clip_of     text,  -- the asset it is a clip of; null: Mux has not said
  status      text NOT NULL CHECK (status IN ('preparing', 'errored', 'ready', 'deleted')),
  playback_id text,
  duration_ms integer CHECK (duration_ms >= 0),
  audio_only  boolean,
  aspect_ratio text,
  resolution  text,
  error       text,
  unwanted    boolean NOT NULL DEFAULT false,  -- to be deleted at Mux
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS mux_assets_by_post ON public.mux_assets (post_id);

CREATE TABLE IF NOT EXISTS public.mux_events (
  event_id    text PRIMARY KEY,
  event_type  text NOT NULL,
  post_id     uuid NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS mux_events_by_time ON public.mux_events (received_at);

CREATE TABLE IF NOT EXISTS public.mux_sweep (
  only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  holder      uuid,
  held_until  timestamptz NOT NULL DEFAULT '-infinity',
  assets_page integer NOT NULL DEFAULT 1 CHECK (assets_page > 0)
);
INSERT INTO public.mux_sweep DEFAULT VALUES ON CONFLICT DO NOTHING;

ALTER TABLE public.uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.mux_assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.mux_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.mux_sweep ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "read_own_uploads" ON public.uploads;
CREATE POLICY "read_own_uploads" ON public.uploads
  FOR SELECT USING (creator_id = (SELECT auth.uid()));
GRANT SELECT ON public.uploads TO vroom_app;

COMMIT;
