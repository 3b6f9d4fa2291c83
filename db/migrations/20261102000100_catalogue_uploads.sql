BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- Uploads lead from a file on a phone to a post in the feed.
--
-- uploads     one row for each post: what people are told about it, and what remains to be done for it
-- mux_assets  one row for each asset that names a post: its source, its clip, or a superfluous one
-- mux_events  the ids of the events that were taken in, so that a duplicate changes nothing
-- mux_sweep   one row: which sweep works now, and how far its walks through assets and posts have come
-- mux_pace    one row: when the next caller may send Mux a POST request
--
-- The state of a post is computed from facts alone. A fact either only grows (a status never goes back), or
-- carries the time at which Mux said it (which playback ids there are), and then an older fact changes nothing.
-- Therefore neither the order nor the number of Mux's events matters.
--
-- posts gets its Mux fields only when a video is published. Until then no column that a feed could serve holds a
-- playback id.

CREATE TABLE IF NOT EXISTS public.mux_assets (
  asset_id    text PRIMARY KEY,
  post_id     uuid NOT NULL,
  mux_upload_id text,  -- the upload from which it was made; null: Mux has not said
  is_clip     boolean NOT NULL,  -- Mux has said that it is one
  clip_of     text,  -- the asset of which it is a clip; null: Mux has not said
  status      text NOT NULL CHECK (status IN ('preparing', 'errored', 'ready', 'deleted')),
  playback_id text,  -- the public one
  signed_playback_id text,  -- the one that plays only with a token
  playback_as_of timestamptz NOT NULL DEFAULT '-infinity',  -- when Mux said which playback ids there are
  missing     boolean NOT NULL DEFAULT false,  -- it is published, but Mux did not find it when asked
  duration_ms integer CHECK (duration_ms >= 0),
  audio_only  boolean,
  aspect_ratio text,
  resolution  text,
  error       text,
  note        text,  -- what was found in a video that plays
  unwanted    boolean NOT NULL DEFAULT false,  -- it is to be deleted at Mux
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
  assets_page integer NOT NULL DEFAULT 1 CHECK (assets_page > 0),
  stream_base text NOT NULL DEFAULT '',  -- the text with which posts.mux_hls_url begins
  addresses_after uuid  -- the addresses of posts up to this one begin with it; null: all do
);
INSERT INTO public.mux_sweep DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS public.mux_pace (
  only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  next_post_at timestamptz NOT NULL DEFAULT '-infinity'  -- when the next POST request may be sent
);
INSERT INTO public.mux_pace DEFAULT VALUES ON CONFLICT DO NOTHING;

ALTER TABLE public.mux_assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.mux_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.mux_sweep ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.mux_pace ENABLE ROW LEVEL SECURITY;

COMMIT;
