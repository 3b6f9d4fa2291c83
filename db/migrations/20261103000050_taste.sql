-- What is learnt of a viewer, by whatever teaches it: the lock, the averages, the affinities.
--
-- It all changes under the lock of the viewer's row in user_interest_signals, taken first; rows of
-- other tables then follow in the order of their keys.

-- Locks what is learnt of a viewer until the transaction ends; how many observations there were.
CREATE OR REPLACE FUNCTION vroom_private.lock_viewer(viewer uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_samples bigint;
BEGIN
  SELECT s.samples INTO v_samples FROM user_interest_signals s WHERE s.user_id = viewer FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    INSERT INTO user_interest_signals (user_id) VALUES (viewer) ON CONFLICT DO NOTHING;
    SELECT s.samples INTO v_samples FROM user_interest_signals s WHERE s.user_id = viewer FOR NO KEY UPDATE;
  END IF;
  RETURN v_samples;
END
$$;

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

-- What is left of a value after some time.
CREATE OR REPLACE FUNCTION vroom_private.decayed(
  value double precision, since timestamptz, until timestamptz, half_life interval
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- At most 1,000 halvings: beyond, power() would refuse the result as too small.
RETURN value * 2 ^ -least(1000, greatest(0,
  extract(epoch FROM until - since)::double precision / extract(epoch FROM half_life)::double precision));

-- Watch ratios are held against those of clips of like length: the borders are shared.ranking's.
CREATE OR REPLACE FUNCTION vroom_private.duration_bucket(duration_ms integer) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(coalesce(duration_ms, 0), ARRAY[15000, 30000, 60000, 120000])::smallint;

-- The watch ratio to expect of a bucket: what was measured, from shared.ranking's priors on, each worth
-- 20 plays.
CREATE OR REPLACE FUNCTION vroom_private.watch_norm(bucket smallint) RETURNS double precision
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT (coalesce(n.watch_ratio_sum, 0) + 20 * prior.mean) / (coalesce(n.plays, 0) + 20)
  FROM (SELECT (ARRAY[0.85, 0.70, 0.55, 0.45, 0.35])[watch_norm.bucket + 1]::double precision AS mean) prior
  LEFT JOIN watch_norms n ON n.bucket = watch_norm.bucket
$$;

-- The tags of a post that taste is learnt by: each once, ten at most.
CREATE OR REPLACE FUNCTION vroom_private.taste_tags(tags text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(array_agg(t.tag ORDER BY t.ord), '{}')
  FROM (
    SELECT g.tag, min(g.ord) AS ord FROM unnest(tags) WITH ORDINALITY AS g(tag, ord)
    WHERE g.tag <> '' GROUP BY g.tag ORDER BY 2 LIMIT 10
  ) t
$$;

-- Affinity halves in 14 days and stays in [-5, 5].
CREATE OR REPLACE FUNCTION vroom_private.affinity_at(value double precision, since timestamptz, at timestamptz)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN vroom_private.decayed(value, since, at, interval '14 days');

-- Adds to a viewer's affinity for creators and for tags; what one key is given is summed. The caller
-- holds lock_viewer. The weakest go where a viewer has more than 300.
CREATE OR REPLACE FUNCTION vroom_private.add_creator_affinity(
  viewer uuid, creators uuid[], amounts double precision[], at timestamptz
) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO viewer_creator_affinity AS a (user_id, creator_id, value, at)
  SELECT viewer, g.creator_id, least(5, greatest(-5, sum(g.amount))), add_creator_affinity.at
  FROM unnest(creators, amounts) AS g(creator_id, amount)
  GROUP BY g.creator_id ORDER BY g.creator_id
  ON CONFLICT (user_id, creator_id) DO UPDATE
  SET value = least(5, greatest(-5, vroom_private.affinity_at(a.value, a.at, excluded.at) + excluded.value)),
      at = greatest(a.at, excluded.at);

  DELETE FROM viewer_creator_affinity a
  WHERE a.user_id = viewer AND a.creator_id IN (
    SELECT w.creator_id FROM viewer_creator_affinity w WHERE w.user_id = viewer
    ORDER BY abs(vroom_private.affinity_at(w.value, w.at, add_creator_affinity.at)) DESC, w.creator_id
    OFFSET 300
  );
$$;

CREATE OR REPLACE FUNCTION vroom_private.add_tag_affinity(
  viewer uuid, tags text[], amounts double precision[], at timestamptz
) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO viewer_tag_affinity AS a (user_id, tag, value, at)
  SELECT viewer, g.tag, least(5, greatest(-5, sum(g.amount))), add_tag_affinity.at
  FROM unnest(tags, amounts) AS g(tag, amount)
  GROUP BY g.tag ORDER BY g.tag
  ON CONFLICT (user_id, tag) DO UPDATE
  SET value = least(5, greatest(-5, vroom_private.affinity_at(a.value, a.at, excluded.at) + excluded.value)),
      at = greatest(a.at, excluded.at);

  DELETE FROM viewer_tag_affinity a
  WHERE a.user_id = viewer AND a.tag IN (
    SELECT w.tag FROM viewer_tag_affinity w WHERE w.user_id = viewer
    ORDER BY abs(vroom_private.affinity_at(w.value, w.at, add_tag_affinity.at)) DESC, w.tag
    OFFSET 300
  );
$$;

-- The cohorts that a viewer stands for: their device and daypart, and the same with the tag they like
-- best. None before their first page.
CREATE OR REPLACE FUNCTION vroom_private.cohorts_of(viewer uuid, at timestamptz) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT coalesce(array_agg(c.device || '/' || c.daypart || '/' || t.tag ORDER BY t.tag <> ''), '{}')
  FROM viewer_context c
  CROSS JOIN LATERAL (
    SELECT '' AS tag
    UNION ALL
    (SELECT a.tag FROM viewer_tag_affinity a
     WHERE a.user_id = viewer AND a.value > 0
     ORDER BY vroom_private.affinity_at(a.value, a.at, cohorts_of.at) DESC, a.tag LIMIT 1)
  ) t
  WHERE c.user_id = viewer
$$;
