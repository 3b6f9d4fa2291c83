-- Ordinary viewers: who they are, what they have seen, what they like.

-- name: viewers
-- About 200 impressions each, some ten times as many; n follows the order of ids, so that what is keyed
-- by viewer is written from one end to the other.
CREATE TEMPORARY TABLE viewers AS
WITH drawn AS (
  SELECT md5('viewer ' || g)::uuid AS id, exp(random_normal(0, 0.9)) AS keenness
  FROM generate_series(1, greatest(1, %(impressions)s / 200)) AS g
)
SELECT row_number() OVER (ORDER BY id)::integer AS n, id,
       greatest(1, round(%(impressions)s * keenness / sum(keenness) OVER ()))::integer AS impressions
FROM drawn;

-- name: index_viewers
CREATE UNIQUE INDEX ON viewers (n);

-- name: impressions
-- One viewing in four is of the thousandth part of all posts that is hottest.
INSERT INTO user_post_impressions (user_id, post_id, seen_at, source, session_id, position, visible_ms, created_at)
SELECT d.viewer, d.post_id, d.at, 'trending', md5(d.viewer || to_char(d.at, 'DDD'))::uuid, d.nth %% 12, 4000, d.at
FROM (
  SELECT e.viewer, e.nth, r.post_id, now() - e.ago * least(now() - r.published_at, interval '45 days') AS at
  FROM (
    SELECT v.id AS viewer, nth, 1 + floor(%(posts)s * power(random(), 5))::integer AS rank, power(random(), 2) AS ago
    FROM viewers v, generate_series(1, v.impressions) AS nth
    WHERE v.n BETWEEN %(first)s AND %(last)s
  ) e
  JOIN ranked_posts r ON r.rank = e.rank
) d
ORDER BY d.viewer;

-- name: signals
INSERT INTO user_interest_signals (user_id, like_rate, avg_watch_ratio, comment_rate, share_rate, freshness_preference, samples)
SELECT id, 0.05 * random(), 0.3 + 0.5 * random(), 0.01 * random(), 0.02 * random(), random(), impressions / 2
FROM viewers ORDER BY id;

-- name: tag_taste
INSERT INTO viewer_tag_affinity (user_id, tag, value)
SELECT v.id, 'topic' || 1 + (v.n * 13 + k * k) %% 300, 3 * random() - 1
FROM viewers v, generate_series(1, 10) AS k
ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- name: creator_taste
INSERT INTO viewer_creator_affinity (user_id, creator_id, value)
SELECT v.id, r.creator_id, 3 * random() - 1
FROM viewers v
CROSS JOIN generate_series(1, 10) AS k
JOIN ranked_posts r ON r.rank = 1 + (k * k * 97) %% %(posts)s
ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- name: follows
INSERT INTO follows (follower_id, creator_id)
SELECT v.id, r.creator_id
FROM viewers v
CROSS JOIN generate_series(1, 20) AS k
JOIN ranked_posts r ON r.rank = 1 + (v.n * 7 + k * k * 131) %% %(posts)s
ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- name: empty_queue
-- What these impressions add to posts stands in post_stats already.
TRUNCATE engagement_queue;

-- name: sessions
-- What ordinary viewers were served lately: two pages each, and the requests for them.
INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries, created_at)
SELECT v.id, md5('session ' || v.n)::uuid, page, 1, array_agg(r.post_id), jsonb_agg(r.post_id), now() - interval '1 hour'
FROM viewers v
CROSS JOIN generate_series(0, 1) AS page
CROSS JOIN generate_series(1, 12) AS place
JOIN ranked_posts r ON r.rank = 1 + (v.n * 11 + page * 12 + place) %% %(posts)s
GROUP BY v.id, v.n, page
ORDER BY v.id;

-- name: requests
INSERT INTO feed_requests (user_id, session_id, page_no, page_size, response_time_ms, cache_hit, created_at)
SELECT f.user_id, f.session_id, f.page_no, 12, 20, f.page_no > 0, f.created_at
FROM feed_pages f ORDER BY f.user_id;
