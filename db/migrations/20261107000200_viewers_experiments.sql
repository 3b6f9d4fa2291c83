BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- The functions in this file return what experiments have shown.

-- Return one row for each viewer who was shown anything under one of `variants` since `since`.
--
-- variant      the viewer's variant; null for a viewer who met several, whose figures say nothing about any
-- impressions  the impressions that were seen and arrived since then
-- watched      the posts of those impressions that the viewer has watched, each counted once
-- watch_ratio  the mean over these posts of the viewer's best ratio; null without any
-- like_rate    the share of these posts that the viewer liked; null without any
CREATE OR REPLACE FUNCTION public.experiment_viewers(variants text[], since timestamptz)
RETURNS TABLE (
  user_id uuid, variant text, impressions bigint, watched bigint, watch_ratio double precision,
  like_rate double precision
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  WITH shown AS (
    SELECT i.user_id, i.post_id, i.variant, count(*) AS impressions
    FROM user_post_impressions i
    WHERE i.created_at >= since AND i.seen_at >= since AND i.variant = ANY (variants)
    GROUP BY 1, 2, 3
  ),
  watched AS (
    SELECT s.user_id, s.post_id, max(w.watch_ratio) AS watch_ratio, bool_or(w.liked)::integer AS liked
    FROM (SELECT DISTINCT user_id, post_id FROM shown) s
    JOIN watch_events w ON w.user_id = s.user_id AND w.post_id = s.post_id
    WHERE w.created_at >= since AND w.nth IS NOT NULL
    GROUP BY 1, 2
  ),
  seen AS (
    SELECT s.user_id, CASE WHEN min(s.variant) = max(s.variant) THEN min(s.variant) END AS variant,
           sum(s.impressions)::bigint AS impressions
    FROM shown s
    GROUP BY 1
  ),
  engaged AS (
    SELECT w.user_id, count(*) AS watched, avg(w.watch_ratio) AS watch_ratio,
           avg(w.liked)::double precision AS like_rate
    FROM watched w
    GROUP BY 1
  )
  SELECT s.user_id, s.variant, s.impressions, coalesce(e.watched, 0), e.watch_ratio, e.like_rate
  FROM seen s
  LEFT JOIN engaged e USING (user_id)
$$;

-- Return the same figures, one row for each variant. Viewers are the unit, so that a viewer who watches much
-- counts as one. The row with a null variant counts the viewers who met several.
CREATE OR REPLACE FUNCTION public.experiment_figures(variants text[], since timestamptz)
RETURNS TABLE (
  variant text, viewers bigint, watching_viewers bigint, impressions bigint,
  watch_ratio double precision, watch_ratio_sd double precision,
  like_rate double precision, like_rate_sd double precision
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT v.variant, count(*), count(v.watch_ratio), sum(v.impressions)::bigint,
         avg(v.watch_ratio), stddev_samp(v.watch_ratio), avg(v.like_rate), stddev_samp(v.like_rate)
  FROM experiment_viewers(variants, since) v
  GROUP BY v.variant
  ORDER BY v.variant
$$;

-- These functions are for operators, because they read across viewers.
SELECT vroom_private.open_only_to('public.experiment_viewers(text[], timestamptz)', NULL);
SELECT vroom_private.open_only_to('public.experiment_figures(text[], timestamptz)', NULL);

COMMIT;
