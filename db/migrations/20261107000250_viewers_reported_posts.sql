BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file shows operators the reports before they give a verdict with review_post.

-- Return the posts with reports that count and that nobody has reviewed, those that are off the feed first, the
-- longest ago first. It names no reporter.
--
-- held_at         since when the post is off the feed until somebody has looked; null: it is still on it
-- reports         by different viewers; first_report_at and last_report_at say between when
-- most_within     the most reports within a time of the length `within`
-- new_reporters   those of whom nothing is known from longer than a day before their report: neither an impression
--                 nor a follow is that old. Impressions are kept for the cooldown, so that a viewer who was away
--                 for as long counts as new, too.
-- is_burst        as many reports came within `within` as take a post off the feed, and at least two
CREATE OR REPLACE FUNCTION public.reported_posts(within interval DEFAULT interval '1 hour')
RETURNS TABLE (
  post_id uuid, creator_id uuid, held_at timestamptz, reports bigint, first_report_at timestamptz,
  last_report_at timestamptz, most_within bigint, new_reporters bigint, is_burst boolean
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  WITH counted AS (
    SELECT f.post_id, f.created_at, CASE WHEN r.reviewed_at IS NULL THEN r.held_at END AS held_at,
           count(*) OVER (
             PARTITION BY f.post_id ORDER BY f.created_at
             RANGE BETWEEN reported_posts.within PRECEDING AND CURRENT ROW) AS so_far,
           coalesce(least(seen.first_at, followed.first_at) < f.created_at - interval '1 day', false) AS is_known
    FROM feedback f
    LEFT JOIN post_reviews r ON r.post_id = f.post_id
    LEFT JOIN LATERAL (
      SELECT v.seen_at AS first_at FROM viewer_last_seen v WHERE v.user_id = f.user_id ORDER BY v.seen_at LIMIT 1
    ) seen ON true
    LEFT JOIN LATERAL (
      SELECT min(w.created_at) AS first_at FROM follows w WHERE w.follower_id = f.user_id
    ) followed ON true
    -- give_feedback counts them in the same way
    WHERE f.action = 'report' AND f.counted AND f.post_id IS NOT NULL
      AND coalesce(r.counted_from, '-infinity') <= f.created_at
  )
  SELECT c.post_id, p.creator_id, c.held_at, count(*), min(c.created_at), max(c.created_at), max(c.so_far),
         count(*) FILTER (WHERE NOT c.is_known), max(c.so_far) >= greatest(2, s.report_hold_threshold)
  FROM counted c
  JOIN posts p ON p.id = c.post_id
  CROSS JOIN feed_settings s
  GROUP BY c.post_id, p.creator_id, c.held_at, s.report_hold_threshold
  ORDER BY c.held_at, max(c.created_at) DESC, c.post_id
$$;

SELECT vroom_private.open_only_to('public.reported_posts(interval)', NULL);

COMMIT;
