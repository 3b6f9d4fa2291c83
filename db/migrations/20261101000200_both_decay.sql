BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- How figures fade: the hot score (forward decay), sums that halve with time, and moving averages.

-- The time in which an event's weight in the hot score halves, kept beside the scores that it shapes:
-- set_hot_half_life rescales them with it.
CREATE TABLE IF NOT EXISTS public.hot_scale (
  only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  half_life interval NOT NULL CHECK (half_life > interval '0')
);
INSERT INTO public.hot_scale (half_life) VALUES (interval '1 day') ON CONFLICT DO NOTHING;

ALTER TABLE public.hot_scale ENABLE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION vroom_private.hot_half_life() RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT h.half_life FROM public.hot_scale h);

-- The same for those who write scores: until they commit, set_hot_half_life waits for them.
CREATE OR REPLACE FUNCTION vroom_private.hold_hot_half_life() RETURNS interval
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  LOCK TABLE hot_scale IN ACCESS SHARE MODE;
  RETURN (SELECT h.half_life FROM hot_scale h);
END
$$;

-- Hot score: forward decay (Cormode et al., "Forward decay", ICDE 2009). An event of weight w at time t
-- adds w * 2^(t / half-life); only the sum's logarithm is kept, in half-lives since 2020. The order of
-- posts then holds without any refresh, and a plain index serves it. A new post starts with one unit.
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

-- Two hot scores as one: log2(2^a + 2^b), computed from the greater one on.
CREATE OR REPLACE FUNCTION vroom_private.add_hot(a double precision, b double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN greatest(a, b) + ln(1 + 2 ^ -least(1000, abs(a - b))) / ln(2::double precision);

CREATE OR REPLACE AGGREGATE vroom_private.hot_sum(double precision) (
  SFUNC = vroom_private.add_hot, STYPE = double precision
);

-- What is left of a value after some time.
CREATE OR REPLACE FUNCTION vroom_private.decayed(
  value double precision, since timestamptz, until timestamptz, half_life interval
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- At most 1,000 halvings: beyond, power() would refuse the result as too small.
RETURN value * 2 ^ -least(1000, greatest(0,
  extract(epoch FROM until - since)::double precision / extract(epoch FROM half_life)::double precision));

-- Moving average: new = alpha * observed + (1 - alpha) * old; the first observation is taken whole, and
-- null is no observation. As an aggregate it folds many in order; the old average goes in first.
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

-- Watch ratios are held against those of clips of like length: the borders are shared.ranking's.
CREATE OR REPLACE FUNCTION vroom_private.duration_bucket(duration_ms integer) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(coalesce(duration_ms, 0), ARRAY[15000, 30000, 60000, 120000])::smallint;

COMMIT;
