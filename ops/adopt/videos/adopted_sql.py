"""The statements about the application's videos."""

TABLE = """
CREATE TABLE IF NOT EXISTS vroom_private.adopted_videos (
  post_id  uuid PRIMARY KEY,
  url      text NOT NULL,
  state    text NOT NULL CHECK (state IN ('waiting', 'asking', 'asked', 'refused')),
  problem  text,
  asked_at timestamptz
);
CREATE INDEX IF NOT EXISTS adopted_videos_open ON vroom_private.adopted_videos (state, post_id)
  WHERE state IN ('waiting', 'asking')
"""
# Posts whose video is neither at Mux nor on its way there.
ABSENT = """
SELECT {key}, {post} AS post_id, {url}::text, {duration}
FROM {table} a
WHERE ({after} IS NULL OR {key} > {after}) AND coalesce({url}::text, '') <> ''
  AND EXISTS (
    SELECT FROM public.posts p
    WHERE p.id = {post} AND p.visibility <> 'removed' AND NOT p.mux_ready
      AND p.mux_asset_id IS NULL AND p.mux_upload_id IS NULL)
  AND NOT EXISTS (SELECT FROM public.uploads u WHERE u.post_id = {post})
ORDER BY {key} LIMIT {rows}
"""
# A mended address is taken; what Mux was asked for stays as it is.
NOTE = """
INSERT INTO vroom_private.adopted_videos AS v (post_id, url, state, problem) VALUES (%s, %s, %s, %s)
ON CONFLICT (post_id) DO UPDATE SET url = excluded.url, state = excluded.state,
  problem = excluded.problem
WHERE v.state IN ('waiting', 'refused') AND v.url <> excluded.url
"""
# The row in `uploads` is there before Mux is asked, so that the events of the video find it. A post
# keeps its age: without published_at, it would count as published when its video is ready.
TAKE = """
WITH taken AS (
  UPDATE vroom_private.adopted_videos v SET state = 'asking', asked_at = clock_timestamp()
  WHERE v.post_id = (
    SELECT w.post_id FROM vroom_private.adopted_videos w JOIN public.posts p ON p.id = w.post_id
    WHERE w.state = 'waiting' AND p.visibility <> 'removed' AND NOT p.mux_ready
    ORDER BY w.post_id LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
  RETURNING v.post_id, v.url
), dated AS (
  UPDATE public.posts p SET published_at = p.created_at
  FROM taken t WHERE p.id = t.post_id AND p.published_at IS NULL
), noted AS (
  INSERT INTO public.uploads (
    post_id, creator_id, state, size_bytes, cap_ms, resolution_tier, playback_policy,
    mux_upload_status, expires_at)
  SELECT p.id, p.creator_id, 'processing', 0, %(cap_ms)s, %(tier)s, %(policy)s, 'asset_created',
         now() + %(seconds)s * interval '1 second'
  FROM taken t JOIN public.posts p ON p.id = t.post_id
  ON CONFLICT DO NOTHING
)
SELECT t.post_id, p.creator_id, t.url FROM taken t JOIN public.posts p ON p.id = t.post_id
"""
BACK = """
WITH back AS (
  UPDATE vroom_private.adopted_videos v SET state = %(state)s, problem = %(problem)s
  WHERE v.post_id = %(post)s AND v.state = 'asking' RETURNING v.post_id
)
DELETE FROM public.uploads u USING back b WHERE u.post_id = b.post_id
  AND NOT EXISTS (SELECT FROM public.mux_assets a WHERE a.post_id = b.post_id)
"""
UNSURE = """
SELECT v.post_id, v.asked_at, v.asked_at < now() - %s * interval '1 second',
       EXISTS (SELECT FROM public.mux_assets a WHERE a.post_id = v.post_id)
FROM vroom_private.adopted_videos v WHERE v.state = 'asking' ORDER BY v.post_id
"""
STATES = """
SELECT CASE WHEN p.id IS NULL THEN 'without its post any more' WHEN v.state = 'asked'
            THEN coalesce(u.state, 'asked') ELSE v.state END, count(*)
FROM vroom_private.adopted_videos v
LEFT JOIN public.uploads u USING (post_id) LEFT JOIN public.posts p ON p.id = v.post_id
GROUP BY 1 ORDER BY 1
"""
FAILED = """
SELECT v.post_id, v.url, coalesce(v.problem, concat_ws(': ', u.reason, u.detail))
FROM vroom_private.adopted_videos v LEFT JOIN public.uploads u USING (post_id)
WHERE v.state = 'refused' OR v.state = 'asked' AND u.state = 'failed' ORDER BY 1 LIMIT %s
"""
