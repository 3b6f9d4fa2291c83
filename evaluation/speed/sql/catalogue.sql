-- Posts, their creators and what the crowd did with them. The shapes are those of local.catalogue: many
-- posts by few creators, a quarter of all posts from the last 33 days, engagement with a long tail.

-- name: seed
SELECT setseed(0.42);

-- name: draft_creators
CREATE TEMPORARY TABLE draft_creators AS
SELECT n, md5('creator ' || n)::uuid AS id, random_normal() AS talent
FROM generate_series(1, %(creators)s) AS n;

-- name: index_creators
CREATE UNIQUE INDEX ON draft_creators (n);

-- name: draft_posts
-- n counts from the oldest post to the newest, as posts are numbered in life.
CREATE TEMPORARY TABLE draft_posts AS
SELECT n, md5('post ' || n)::uuid AS id,
       1 + floor(%(creators)s * power(random(), 2.5))::integer AS creator_n,
       730 * power(1 - (n - random()) / %(posts)s, 2.2) AS age_days,
       random_normal() AS luck, random_normal() AS stay_luck, random_normal() AS reach_luck,
       least(180000, greatest(5000, exp(random_normal(11.0, 0.8))))::integer AS duration_ms,
       1 + floor(300 * power(random(), 2))::integer AS topic, 1 + floor(300 * random())::integer AS aside
FROM generate_series(1, %(posts)s) AS n;

-- name: draft_figures
-- The weight of the hot score is that of a crowd which comes at once and leaves within days.
CREATE TEMPORARY TABLE draft_figures AS
WITH quality AS (
  SELECT d.*, c.id AS creator_id, 0.6 * c.talent + 0.8 * d.luck AS quality
  FROM draft_posts d JOIN draft_creators c ON c.n = d.creator_n
),
stay AS (SELECT q.*, exp(0.7 + 0.3 * q.quality + q.stay_luck) AS stay_days FROM quality q),
reach AS (
  SELECT s.*, 1 - exp(greatest(-50, -s.age_days / s.stay_days)) AS reached,
         floor(exp(5 + 1.1 * s.quality + 1.2 * s.reach_luck) * (1 - exp(greatest(-50, -s.age_days / s.stay_days))))::bigint AS impressions
  FROM stay s
),
played AS (
  SELECT r.*, floor(r.impressions / (1 + exp(-1 - 0.4 * r.quality)))::bigint AS plays,
         1 / (1 + power(r.duration_ms / 55000.0, 0.7) * exp(-0.5 * r.quality)) AS ratio
  FROM reach r
),
engaged AS (
  SELECT p.*, p.plays * p.ratio AS watched, floor(p.plays * least(0.5, 0.04 * exp(0.7 * p.quality)))::bigint AS likes,
         floor(p.plays * least(0.5, 0.005 * exp(0.7 * p.quality)))::bigint AS comments,
         floor(p.plays * least(0.5, 0.01 * exp(0.7 * p.quality)))::bigint AS shares
  FROM played p
)
SELECT e.n, e.id, e.creator_id, now() - e.age_days * interval '1 day' AS published_at, e.duration_ms, e.topic, e.aside,
       e.impressions, e.plays, e.watched AS watch_ratio_sum, e.likes, e.comments, e.shares,
       -- most of the weight falls within the first days of a post's life
       vroom_private.hot_score(
         now() - greatest(0, e.age_days - least(e.age_days, 2 * e.stay_days) * 0.7) * interval '1 day',
         1 + (e.watched + 2 * e.likes + 3 * e.comments + 4 * e.shares) / greatest(1, least(e.age_days, e.stay_days))
       ) AS hot_score
FROM engaged e;

-- name: drop_drafts
-- In a large catalogue they take gigabytes.
DROP TABLE draft_posts, draft_creators;

-- name: index_figures
CREATE UNIQUE INDEX ON draft_figures (n);

-- name: posts
INSERT INTO posts (id, creator_id, caption, tags, mux_ready, mux_playback_id, mux_duration_ms, mux_max_resolution,
                   mux_hls_url, aspect_ratio, created_at, published_at)
SELECT f.id, f.creator_id, 'Clip ' || f.n || ': what nobody tells you about topic ' || f.topic,
       CASE WHEN f.aside %% 2 = 0 THEN ARRAY['topic' || f.topic, 'topic' || f.topic %% 300 + 1]
            WHEN f.aside IN (f.topic, f.topic %% 300 + 1) THEN ARRAY['topic' || f.topic]
            ELSE ARRAY['topic' || f.topic, 'topic' || f.topic %% 300 + 1, 'topic' || f.aside] END,
       true, md5('playback ' || f.n), f.duration_ms, 'FHD',
       'https://stream.mux.com/' || md5('playback ' || f.n) || '.m3u8', '9:16',
       f.published_at - interval '1 minute', f.published_at
FROM draft_figures f
WHERE f.n BETWEEN %(first)s AND %(last)s
ORDER BY f.n;

-- name: stats
UPDATE post_stats s
SET impressions = f.impressions, plays = f.plays, watch_ratio_sum = f.watch_ratio_sum, likes = f.likes,
    comments = f.comments, shares = f.shares, hot_score = f.hot_score
FROM draft_figures f
WHERE s.post_id = f.id AND f.n BETWEEN %(first)s AND %(last)s;

-- name: creators
UPDATE creator_quality c
SET rolling_watch_ratio = f.watched / f.plays, rolling_like_rate = f.likes / f.plays, rolling_report_rate = 0.001,
    samples = f.plays, plays = f.plays, watch_ratio_sum = f.watched, likes = f.likes, reports = 0.001 * f.plays
FROM (
  SELECT creator_id, sum(plays)::double precision AS plays, sum(watch_ratio_sum) AS watched,
         sum(likes)::double precision AS likes
  FROM draft_figures GROUP BY creator_id HAVING sum(plays) > 0
) f
WHERE c.creator_id = f.creator_id;

-- name: tags
INSERT INTO post_tags (tag, post_id, hot_score, post_no)
SELECT t.tag, s.post_id, s.hot_score, s.post_no
FROM posts p JOIN post_stats s ON s.post_id = p.id, unnest(p.tags) AS t(tag)
WHERE s.eligible
ORDER BY 1, 2;

-- name: ranked_posts
CREATE TEMPORARY TABLE ranked_posts AS
SELECT row_number() OVER (ORDER BY s.hot_score DESC, s.post_id)::integer AS rank, s.post_id, s.creator_id, s.published_at,
       p.tags
FROM post_stats s JOIN posts p ON p.id = s.post_id WHERE s.eligible;

-- name: index_ranked
CREATE UNIQUE INDEX ON ranked_posts (rank);

-- name: analyse_ranked
ANALYZE ranked_posts;

-- name: covisits
-- For the posts that anybody finishes at all: one in fifty.
INSERT INTO post_covisits (post_id, next_post_id, score, fast_score)
SELECT r.post_id, n.post_id, extract(epoch FROM now() - timestamptz '2020-01-01') / 86400 - k,
       extract(epoch FROM now() - timestamptz '2020-01-01') / 7200 - k
FROM ranked_posts r
CROSS JOIN generate_series(1, 16) AS k
JOIN ranked_posts n ON n.rank = 1 + (r.rank * 31 + k * k * 17) %% %(posts)s
WHERE r.rank <= %(posts)s / 50 AND n.post_id <> r.post_id
ON CONFLICT DO NOTHING;

-- name: heat
-- Of the posts that were watched lately: one in ten, the hotter the more.
INSERT INTO post_heat (post_id, heat)
SELECT r.post_id,
       ARRAY(SELECT extract(epoch FROM now() - timestamptz '2020-01-01') / s.seconds + 8 - ln(r.rank) / ln(2.0) * s.steep
             FROM (VALUES (1, 480, 1.5), (2, 3600, 1.2), (3, 21600, 1.0), (4, 86400, 0.9)) AS s(scale, seconds, steep)
             ORDER BY s.scale)
FROM ranked_posts r
WHERE r.rank <= %(posts)s / 10
ON CONFLICT DO NOTHING;

-- name: cohorts
INSERT INTO cohort_posts (cohort, post_id, score)
SELECT d.device || '/' || p.daypart || '/' || t.tag, n.post_id, extract(epoch FROM now() - timestamptz '2020-01-01') / 86400 - k
FROM unnest(ARRAY['phone', 'tablet', 'desktop', 'tv']) AS d(device)
CROSS JOIN unnest(ARRAY['night', 'morning', 'midday', 'afternoon', 'evening', 'late']) AS p(daypart)
CROSS JOIN (SELECT '' AS tag UNION ALL SELECT 'topic' || g FROM generate_series(1, 50) AS g) AS t
CROSS JOIN generate_series(1, 100) AS k
JOIN ranked_posts n ON n.rank = 1 + (k * 7) %% %(posts)s
ON CONFLICT DO NOTHING;

-- name: norms
INSERT INTO watch_norms (bucket, plays, watch_ratio_sum)
SELECT width_bucket(f.duration_ms, ARRAY[15000, 30000, 60000, 120000]), sum(f.plays), sum(f.watch_ratio_sum)
FROM draft_figures f GROUP BY 1
ON CONFLICT DO NOTHING;

-- name: drop_figures
DROP TABLE draft_figures;
