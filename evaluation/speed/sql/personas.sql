-- What makes a viewer one of the measured kinds. Each statement is for one viewer.

-- name: sees_hottest
INSERT INTO user_post_impressions (user_id, post_id, seen_at)
SELECT %(viewer)s::uuid, r.post_id, now() - random() * interval '20 days'
FROM ranked_posts r WHERE r.rank <= %(count)s;

-- name: sees_anything
-- Spread over the whole catalogue, none twice. Some draws meet the same post, or one that was seen.
INSERT INTO user_post_impressions (user_id, post_id, seen_at)
SELECT %(viewer)s::uuid, d.post_id, now() - random() * interval '20 days'
FROM (
  SELECT DISTINCT r.post_id
  FROM (SELECT 1 + floor(%(posts)s * random())::integer AS rank FROM generate_series(1, 4 * %(count)s)) e
  JOIN ranked_posts r ON r.rank = e.rank
  WHERE NOT EXISTS (
    SELECT FROM viewer_last_seen l WHERE l.user_id = %(viewer)s::uuid AND l.post_id = r.post_id)
) d
ORDER BY random() LIMIT %(count)s;

-- name: sees_like_others
INSERT INTO user_post_impressions (user_id, post_id, seen_at)
SELECT %(viewer)s::uuid, d.post_id, now() - random() * interval '20 days'
FROM (
  SELECT r.post_id
  FROM (SELECT 1 + floor(%(posts)s * power(random(), 3))::integer AS rank FROM generate_series(1, 4 * %(count)s)) e
  JOIN ranked_posts r ON r.rank = e.rank
  GROUP BY 1 LIMIT %(count)s
) d;

-- name: sees_since
-- The newest first, and no more than a person can see: the 30 days of a million posts.
INSERT INTO user_post_impressions (user_id, post_id, seen_at)
SELECT %(viewer)s::uuid, s.post_id, now() - random() * least(interval '20 days', now() - s.published_at)
FROM post_stats s
WHERE s.eligible AND s.published_at > now() - %(days)s * interval '1 day'
  AND NOT EXISTS (
    SELECT FROM viewer_last_seen l WHERE l.user_id = %(viewer)s::uuid AND l.post_id = s.post_id)
ORDER BY s.published_at DESC LIMIT 250000;

-- name: follows
INSERT INTO follows (follower_id, creator_id)
SELECT %(viewer)s::uuid, c.creator_id
FROM creator_quality c WHERE c.last_published_at IS NOT NULL
ORDER BY md5(c.creator_id || %(viewer)s) LIMIT %(count)s
ON CONFLICT DO NOTHING;

-- name: signals
INSERT INTO user_interest_signals (user_id, like_rate, avg_watch_ratio, comment_rate, share_rate, freshness_preference, samples)
VALUES (%(viewer)s::uuid, 0.04, 0.55, 0.004, 0.012, 0.6, greatest(20, %(count)s / 2))
ON CONFLICT DO NOTHING;

-- name: watches
-- One in three of what was seen lately was watched, half of that to its end.
INSERT INTO viewer_watches (user_id, post_id, best_ratio, liked, plays, half_watched_at, last_at)
SELECT l.user_id, l.post_id, CASE WHEN l.nth %% 2 = 0 THEN 1.0 ELSE 0.4 END, l.nth %% 11 = 0, 1,
       CASE WHEN l.nth %% 2 = 0 THEN l.seen_at END, l.seen_at
FROM (
  SELECT v.*, row_number() OVER (ORDER BY v.seen_at DESC) AS nth
  FROM viewer_last_seen v WHERE v.user_id = %(viewer)s::uuid ORDER BY v.seen_at DESC LIMIT %(count)s / 3
) l;

-- name: creator_taste
INSERT INTO viewer_creator_affinity (user_id, creator_id, value)
SELECT w.user_id, s.creator_id, least(5, sum(w.best_ratio - 0.45))
FROM viewer_watches w JOIN post_stats s ON s.post_id = w.post_id
WHERE w.user_id = %(viewer)s::uuid
GROUP BY 1, 2 ORDER BY abs(sum(w.best_ratio - 0.45)) DESC, 2 LIMIT 300
ON CONFLICT DO NOTHING;

-- name: tag_taste
INSERT INTO viewer_tag_affinity (user_id, tag, value)
SELECT w.user_id, t.tag, greatest(-5, least(5, sum(w.best_ratio - 0.45)))
FROM viewer_watches w JOIN posts p ON p.id = w.post_id, unnest(p.tags) AS t(tag)
WHERE w.user_id = %(viewer)s::uuid
GROUP BY 1, 2 ORDER BY abs(sum(w.best_ratio - 0.45)) DESC, 2 LIMIT 300
ON CONFLICT DO NOTHING;

-- name: context
INSERT INTO viewer_context (user_id, device, daypart) VALUES (%(viewer)s::uuid, 'phone', 'evening')
ON CONFLICT DO NOTHING;
