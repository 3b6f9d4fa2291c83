BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file holds what the feed learns from all viewers together: the record of creators, what is watched next,
-- and norms.

CREATE TABLE IF NOT EXISTS public.creator_quality (
  creator_id          uuid PRIMARY KEY,
  rolling_watch_ratio double precision NOT NULL DEFAULT 0,
  rolling_like_rate   double precision NOT NULL DEFAULT 0,
  rolling_report_rate double precision NOT NULL DEFAULT 0,
  samples             bigint NOT NULL DEFAULT 0,
  last_published_at   timestamptz,
  updated_at          timestamptz NOT NULL DEFAULT now(),
  -- Ranking reads these sums, which halve in 30 days, as of updated_at. The rolling rates above are moving
  -- averages (alpha 0.2) over single events. They show a change quickly, but they vary too much to rank by them.
  plays               double precision NOT NULL DEFAULT 0,
  watch_ratio_sum     double precision NOT NULL DEFAULT 0,
  likes               double precision NOT NULL DEFAULT 0,
  reports             double precision NOT NULL DEFAULT 0
);

ALTER TABLE public.creator_quality ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS "read_creator_quality" ON public.creator_quality;
CREATE POLICY "read_creator_quality" ON public.creator_quality
  FOR SELECT USING (true);

GRANT SELECT ON public.creator_quality TO vroom_app;

-- What viewers who watched a post to its end watched to the end next. Only a few rows are kept for each post.
CREATE TABLE IF NOT EXISTS public.post_covisits (
  post_id      uuid NOT NULL,
  next_post_id uuid NOT NULL,
  score        double precision NOT NULL,  -- forward decay, as the hot score
  fast_score   double precision NOT NULL DEFAULT '-infinity',  -- the same with a half-life of two hours
  PRIMARY KEY (post_id, next_post_id)
) WITH (fillfactor = 80);

-- Return the half-lives of the heat: minutes, an hour, hours and a day. shared.heat names the same ones.
CREATE OR REPLACE FUNCTION vroom_private.heat_half_lives() RETURNS interval[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[interval '8 minutes', interval '1 hour', interval '6 hours', interval '1 day'];

-- How much is being watched of a post: its engagement, decayed forward as the hot score is, once for each of the
-- half-lives. Posts that nobody has watched for a long time have no row. The table is apart from post_stats
-- because it changes every minute, and small rows then cost the least.
CREATE TABLE IF NOT EXISTS public.post_heat (
  post_id uuid PRIMARY KEY,
  heat    double precision[] NOT NULL CHECK (cardinality(heat) = 4)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX IF NOT EXISTS post_heat_minutes ON public.post_heat ((heat[1]) DESC);
CREATE INDEX IF NOT EXISTS post_heat_hour ON public.post_heat ((heat[2]) DESC);
CREATE INDEX IF NOT EXISTS post_heat_hours ON public.post_heat ((heat[3]) DESC);

ALTER TABLE public.post_heat ENABLE ROW LEVEL SECURITY;

-- How much each half-life counts when posts are ranked. The roll-up learns it from what is watched.
CREATE TABLE IF NOT EXISTS public.heat_mix (
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  weights    double precision[] NOT NULL DEFAULT '{0.25,0.25,0.25,0.25}'
             CHECK (cardinality(weights) = 4 AND 0 < ALL (weights)),
  totals     double precision[],  -- the heat of all posts together, decayed forward; null: there is none yet
  reward     double precision NOT NULL DEFAULT 0.5 CHECK (reward BETWEEN 0 AND 1),  -- of an impression, on average
  -- how often the next post is one that viewers of the same last posts went on to; the rest goes by the heat
  neighbours double precision NOT NULL DEFAULT 0.25 CHECK (neighbours BETWEEN 0 AND 0.9),
  learning   boolean NOT NULL DEFAULT true,
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO public.heat_mix DEFAULT VALUES ON CONFLICT DO NOTHING;

ALTER TABLE public.heat_mix ENABLE ROW LEVEL SECURITY;

-- The mix names nobody, and the feed function ranks by it.
DROP POLICY IF EXISTS "read_heat_mix" ON public.heat_mix;
CREATE POLICY "read_heat_mix" ON public.heat_mix
  FOR SELECT USING (true);
GRANT SELECT ON public.heat_mix TO vroom_app;

-- What viewers of one device, daypart and taste watch. The cohort 'phone/evening/' stands for all tastes together,
-- and 'phone/evening/cats' for viewers whose strongest tag is cats. Only a few rows are kept for each cohort.
CREATE TABLE IF NOT EXISTS public.cohort_posts (
  cohort  text NOT NULL,
  post_id uuid NOT NULL,
  score   double precision NOT NULL,  -- forward decay, as the hot score
  PRIMARY KEY (cohort, post_id)  -- there is no index by score, so that updates are HOT: a walk sorts these few rows
) WITH (fillfactor = 70);

-- How much of a clip of a given length is watched on average. A watch of such a clip is compared with this mean.
CREATE TABLE IF NOT EXISTS public.watch_norms (
  bucket          smallint PRIMARY KEY,  -- by duration, as in shared.ranking
  plays           double precision NOT NULL DEFAULT 0,  -- halving in 30 days, as of updated_at
  watch_ratio_sum double precision NOT NULL DEFAULT 0,
  updated_at      timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE public.post_covisits ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.cohort_posts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.watch_norms ENABLE ROW LEVEL SECURITY;

-- The norms name nobody, and the feed function compares posts with them.
DROP POLICY IF EXISTS "read_watch_norms" ON public.watch_norms;
CREATE POLICY "read_watch_norms" ON public.watch_norms
  FOR SELECT USING (true);
GRANT SELECT ON public.watch_norms TO vroom_app;

-- Return the watch ratio to expect of a bucket. It starts from the priors in shared.ranking, each of which counts
-- as 20 plays, and moves towards what was measured.
CREATE OR REPLACE FUNCTION vroom_private.watch_norm(bucket smallint) RETURNS double precision
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT (coalesce(n.watch_ratio_sum, 0) + 20 * prior.mean) / (coalesce(n.plays, 0) + 20)
    FROM (SELECT (ARRAY[0.85, 0.70, 0.55, 0.45, 0.35])[watch_norm.bucket + 1]::double precision AS mean) prior
    LEFT JOIN watch_norms n ON n.bucket = watch_norm.bucket
  );
END
$$;

CREATE TABLE IF NOT EXISTS public.post_reviews (
  post_id     uuid PRIMARY KEY,
  held_at     timestamptz NOT NULL DEFAULT now(),
  reports     bigint NOT NULL,  -- how many there were when it was taken off
  reviewed_at timestamptz,      -- null: nobody has looked yet
  verdict     text CHECK (verdict IN ('restored', 'removed')),
  counted_from timestamptz NOT NULL DEFAULT '-infinity'  -- reports that were first given earlier no longer count
);

ALTER TABLE public.post_reviews ENABLE ROW LEVEL SECURITY;

COMMIT;
