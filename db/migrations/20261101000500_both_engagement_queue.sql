BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file keeps what viewers did and what the roll-up has not counted yet.

-- What one event adds to the figures of a post. Viewers append rows, so that a viral post does not become a hot
-- row. The roll-up takes rows away and counts them in one transaction. A row names no viewer.
CREATE TABLE IF NOT EXISTS public.engagement_queue (
  queue_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  post_id      uuid,  -- null: the creator as a whole was reported
  creator_id   uuid NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  impressions  smallint NOT NULL DEFAULT 0,
  plays        smallint NOT NULL DEFAULT 0,
  replays      smallint NOT NULL DEFAULT 0,
  watch_ratio  double precision NOT NULL DEFAULT 0,  -- by how much the viewer's best ratio grew
  likes        smallint NOT NULL DEFAULT 0,
  comments     smallint NOT NULL DEFAULT 0,
  shares       smallint NOT NULL DEFAULT 0,
  reports      smallint NOT NULL DEFAULT 0,          -- -1: a report was taken back
  weight       double precision NOT NULL DEFAULT 0,  -- what it adds to the hot score
  observed_watch_ratio double precision,             -- the event's own ratio; null: no vote in moving averages
  observed_like        boolean,
  duration_ms  integer,                              -- the duration of the watched post; null: no watch
  after_posts  uuid[],                               -- what the viewer finished shortly before this one; null: nothing
  cohorts      text[]                                -- null: none
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

ALTER TABLE public.engagement_queue ENABLE ROW LEVEL SECURITY;

COMMIT;
