-- name: naive_feed
-- What a team writes first: score every eligible post that the viewer has not seen, sort, take twelve.
SELECT p.id, p.creator_id, p.caption, p.tags, p.mux_playback_id, p.mux_duration_ms,
       0.40 * (
         0.5 * (s.likes + 2.0 * s.comments + 3.0 * s.shares + 1) / (s.impressions + 20)
         + 0.3 * (s.watch_ratio_sum + 10) / (s.plays + 20)
         + 0.2 * coalesce(q.rolling_watch_ratio, 0.5) * coalesce(u.avg_watch_ratio, 0.5))
       + 0.30 * exp(-extract(epoch FROM now() - s.published_at) / (86400 * (2 - coalesce(u.freshness_preference, 0.5))))
       + 0.20 * CASE WHEN p.mux_duration_ms < 60000 THEN 1.0 ELSE 0.5 END
       + 0.10 * CASE WHEN f.creator_id IS NOT NULL THEN 1.0 ELSE 0.3 END AS score
FROM posts p
JOIN post_stats s ON s.post_id = p.id
LEFT JOIN creator_quality q ON q.creator_id = p.creator_id
LEFT JOIN user_interest_signals u ON u.user_id = %(viewer)s::uuid
LEFT JOIN follows f ON f.follower_id = %(viewer)s::uuid AND f.creator_id = p.creator_id
WHERE p.visibility = 'public' AND p.mux_ready AND p.mux_playback_id IS NOT NULL AND p.creator_id <> %(viewer)s::uuid
  AND NOT EXISTS (
    SELECT FROM user_post_impressions i
    WHERE i.user_id = %(viewer)s::uuid AND i.post_id = p.id AND i.seen_at > now() - interval '30 days')
  AND NOT EXISTS (
    SELECT FROM feedback b
    WHERE b.user_id = %(viewer)s::uuid AND b.undone_at IS NULL
      AND (b.action = 'not_interested' AND b.post_id = p.id OR b.action = 'hide_creator' AND b.creator_id = p.creator_id))
ORDER BY score DESC, p.id
LIMIT 12;
