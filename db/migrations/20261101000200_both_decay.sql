BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- The functions in this file let figures fade: the hot score (forward decay), sums that halve with time, and
-- moving averages.

-- The time in which an event's weight in the hot score halves. It is kept beside the scores that depend on it, and
-- set_hot_half_life rescales them when it changes.
CREATE TABLE IF NOT EXISTS public.hot_scale (
  only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  half_life interval NOT NULL CHECK (half_life > interval '0')
);
INSERT INTO public.hot_scale (half_life) VALUES (interval '1 day') ON CONFLICT DO NOTHING;

ALTER TABLE public.hot_scale ENABLE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION vroom_private.hot_half_life() RETURNS interval
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (SELECT h.half_life FROM hot_scale h);
END
$$;

-- Return the half-life for transactions that write scores. set_hot_half_life waits until they commit.
CREATE OR REPLACE FUNCTION vroom_private.hold_hot_half_life() RETURNS interval
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  LOCK TABLE hot_scale IN ACCESS SHARE MODE;
  RETURN (SELECT h.half_life FROM hot_scale h);
END
$$;

-- Return the hot score of an event, by forward decay (Cormode et al., "Forward decay", ICDE 2009). An event of
-- weight w at time t adds w * 2^(t / half-life). Only the logarithm of the sum is kept, in half-lives since 2020.
-- The order of posts therefore holds without any refresh, and a plain index serves it. A new post starts with one
-- unit.
CREATE OR REPLACE FUNCTION vroom_private.hot_score(
  at timestamptz, weight double precision, half_life interval
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ln(weight) / ln(2::double precision)
  + extract(epoch FROM at - timestamptz '2020-01-01 00:00:00+00')::double precision
  / extract(epoch FROM half_life)::double precision;

CREATE OR REPLACE FUNCTION vroom_private.hot_score(at timestamptz, weight double precision)
RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
RETURN vroom_private.hot_score(at, weight, vroom_private.hot_half_life());

-- Add two hot scores: log2(2^a + 2^b), computed relative to the greater one.
CREATE OR REPLACE FUNCTION vroom_private.add_hot(a double precision, b double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN greatest(a, b) + ln(1 + 2 ^ -least(1000, abs(a - b))) / ln(2::double precision);

CREATE OR REPLACE AGGREGATE vroom_private.hot_sum(double precision) (
  SFUNC = vroom_private.add_hot, STYPE = double precision
);

-- Return what is left of a value after some time.
CREATE OR REPLACE FUNCTION vroom_private.decayed(
  value double precision, since timestamptz, until timestamptz, half_life interval
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- There are at most 1,000 halvings, because power() would refuse a smaller result.
RETURN value * 2 ^ -least(1000, greatest(0,
  extract(epoch FROM until - since)::double precision / extract(epoch FROM half_life)::double precision));

-- Return the next value of a moving average: new = alpha * observed + (1 - alpha) * old. The first observation is
-- taken whole, and null is no observation. The aggregate folds many observations in order; the old average goes in
-- first.
CREATE OR REPLACE FUNCTION vroom_private.ema_step(
  average double precision, observed double precision, alpha double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN observed IS NULL THEN average
            WHEN average IS NULL THEN observed
            ELSE alpha * observed + (1 - alpha) * average END;

CREATE OR REPLACE AGGREGATE vroom_private.ema(double precision, double precision) (
  SFUNC = vroom_private.ema_step, STYPE = double precision
);

-- Return the bucket of clips of similar length. Watch ratios are compared within a bucket. shared.ranking has the
-- same borders.
CREATE OR REPLACE FUNCTION vroom_private.duration_bucket(duration_ms integer) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(coalesce(duration_ms, 0), ARRAY[15000, 30000, 60000, 120000])::smallint;

COMMIT;
