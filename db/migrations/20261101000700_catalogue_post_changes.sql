BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The triggers in this file keep post_blocks, creator_quality, post_stats and post_tags in step with posts, within
-- the transaction that changes posts. A post that is taken down is therefore gone from retrieval with the commit.
-- Triggers of one event fire in the order of their names. A transaction that changes these tables locks blocks
-- first, then creators, posts and tags, each in the order of the keys, so that two writers cannot deadlock.

-- Set and clear the bits of posts that were written.
CREATE OR REPLACE FUNCTION vroom_private.post_bits_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  PERFORM vroom_private.hold_hot_half_life();
  IF TG_OP = 'UPDATE' THEN
    UPDATE post_blocks b SET eligible = b.eligible & ~gone.bits
    FROM (
      SELECT s.post_no >> 10 AS block_no, bit_or(vroom_private.bit_of(s.post_no)) AS bits
      FROM new_posts n
      JOIN post_stats s ON s.post_id = n.id AND s.eligible
      WHERE NOT vroom_private.is_published(
        n.visibility, n.mux_ready, n.mux_playback_id, n.created_at, n.published_at)
      GROUP BY 1 ORDER BY 1
    ) gone
    WHERE b.block_no = gone.block_no
      -- the lookup goes by the key, so that the blocks of a large catalogue are not read for one post
      AND b.block_no = ANY (ARRAY(
        SELECT s.post_no >> 10 FROM new_posts n JOIN post_stats s ON s.post_id = n.id));
  END IF;
  INSERT INTO post_blocks AS b (block_no, eligible, newest_published_at)
  SELECT n.post_no >> 10, bit_or(vroom_private.bit_of(n.post_no)),
         max(vroom_private.publication_time(n.created_at, n.published_at))
  FROM new_posts n
  LEFT JOIN post_stats s ON s.post_id = n.id
  WHERE vroom_private.is_published(n.visibility, n.mux_ready, n.mux_playback_id, n.created_at, n.published_at)
    AND (s.post_id IS NULL OR NOT s.eligible
         OR s.published_at < vroom_private.publication_time(n.created_at, n.published_at))
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (block_no) DO UPDATE
  SET eligible = b.eligible | excluded.eligible,
      newest_published_at = greatest(b.newest_published_at, excluded.newest_published_at);
  RETURN NULL;
END
$$;

-- Note when a creator last published.
CREATE OR REPLACE FUNCTION vroom_private.post_creators_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  INSERT INTO creator_quality AS c (creator_id, last_published_at)
  SELECT n.creator_id, max(vroom_private.publication_time(n.created_at, n.published_at))
  FROM new_posts n
  WHERE vroom_private.is_published(n.visibility, n.mux_ready, n.mux_playback_id, n.created_at, n.published_at)
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (creator_id) DO UPDATE SET last_published_at = excluded.last_published_at
  WHERE c.last_published_at IS NULL OR c.last_published_at < excluded.last_published_at;
  RETURN NULL;
END
$$;

-- Write the figures of posts.
CREATE OR REPLACE FUNCTION vroom_private.post_stats_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_half_life interval := vroom_private.hold_hot_half_life();
BEGIN
  INSERT INTO post_stats AS s (
    post_id, post_no, creator_id, eligible, waits_until, published_at, duration_ms, hot_score)
  SELECT n.id, n.post_no, n.creator_id, t.showable AND t.due_at <= now(),
         CASE WHEN t.showable AND t.due_at > now() THEN t.due_at END,
         t.since, n.mux_duration_ms, vroom_private.hot_score(t.since, 1, v_half_life)
  FROM new_posts n
  CROSS JOIN LATERAL (
    SELECT d.due_at, vroom_private.is_showable(n.visibility, n.mux_ready, n.mux_playback_id) AS showable,
           CASE WHEN d.due_at > now() THEN d.due_at
                ELSE vroom_private.publication_time(n.created_at, n.published_at) END AS since
    FROM (SELECT greatest(n.created_at, n.published_at) AS due_at) d
  ) t
  ORDER BY n.id  -- the roll-up locks them in the same order
  ON CONFLICT (post_id) DO UPDATE
  SET eligible = excluded.eligible, waits_until = excluded.waits_until, creator_id = excluded.creator_id,
      duration_ms = excluded.duration_ms, published_at = excluded.published_at,
      -- a post without an event is as hot as its age makes it; a post with events keeps what it has earned
      hot_score = CASE WHEN s.impressions = 0 AND s.plays = 0 THEN excluded.hot_score ELSE s.hot_score END;
  RETURN NULL;
END
$$;

-- Write the tags of posts that may be shown. post_terms_written writes the terms of those without tags.
CREATE OR REPLACE FUNCTION vroom_private.post_tags_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    DELETE FROM post_tags t USING new_posts n
    WHERE t.post_id = n.id
      AND ((vroom_private.is_untagged(n.tags)
            OR t.tag IN (SELECT vroom_private.folded(g.tag) FROM unnest(n.tags) AS g(tag)))
           AND vroom_private.is_published(
             n.visibility, n.mux_ready, n.mux_playback_id, n.created_at, n.published_at)) IS NOT TRUE;
  END IF;
  INSERT INTO post_tags AS t (tag, post_id, hot_score, post_no)
  SELECT DISTINCT vroom_private.folded(g.tag), s.post_id, s.hot_score, s.post_no
  FROM new_posts n
  JOIN post_stats s ON s.post_id = n.id AND s.eligible
  CROSS JOIN unnest(n.tags) AS g(tag)
  WHERE vroom_private.folded(g.tag) <> ''
  ORDER BY 1, 2
  ON CONFLICT (tag, post_id) DO UPDATE SET hot_score = excluded.hot_score
  WHERE abs(t.hot_score - excluded.hot_score) > 0.5;
  RETURN NULL;
END
$$;

-- Remove what is kept of posts that were deleted.
CREATE OR REPLACE FUNCTION vroom_private.posts_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  UPDATE post_blocks b SET eligible = b.eligible & ~gone.bits
  FROM (
    SELECT s.post_no >> 10 AS block_no, bit_or(vroom_private.bit_of(s.post_no)) AS bits
    FROM old_posts o
    JOIN post_stats s ON s.post_id = o.id AND s.eligible
    GROUP BY 1 ORDER BY 1
  ) gone
  WHERE b.block_no = gone.block_no
    AND b.block_no = ANY (ARRAY(
      SELECT s.post_no >> 10 FROM old_posts o JOIN post_stats s ON s.post_id = o.id));
  -- The roll-up locks the figures of posts in the same order.
  PERFORM FROM post_stats s JOIN old_posts o ON o.id = s.post_id ORDER BY s.post_id FOR UPDATE OF s;
  DELETE FROM post_stats s USING old_posts o WHERE s.post_id = o.id;
  DELETE FROM post_tags t USING old_posts o WHERE t.post_id = o.id;
  DELETE FROM post_heat h USING old_posts o WHERE h.post_id = o.id;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION vroom_private.posts_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  DELETE FROM post_stats;  -- TRUNCATE cannot be used, because the same statement may name these tables
  DELETE FROM post_blocks;
  DELETE FROM post_tags;
  DELETE FROM post_heat;
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER posts_1_bits_inserted AFTER INSERT ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_bits_written();
CREATE OR REPLACE TRIGGER posts_1_bits_updated AFTER UPDATE ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_bits_written();
CREATE OR REPLACE TRIGGER posts_2_creators_inserted AFTER INSERT ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_creators_written();
CREATE OR REPLACE TRIGGER posts_2_creators_updated AFTER UPDATE ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_creators_written();
CREATE OR REPLACE TRIGGER posts_3_stats_inserted AFTER INSERT ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_stats_written();
CREATE OR REPLACE TRIGGER posts_3_stats_updated AFTER UPDATE ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_stats_written();
CREATE OR REPLACE TRIGGER posts_4_tags_inserted AFTER INSERT ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_tags_written();
CREATE OR REPLACE TRIGGER posts_4_tags_updated AFTER UPDATE ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_tags_written();
CREATE OR REPLACE TRIGGER posts_deleted AFTER DELETE ON public.posts
  REFERENCING OLD TABLE AS old_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.posts_deleted();
CREATE OR REPLACE TRIGGER posts_truncated AFTER TRUNCATE ON public.posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.posts_truncated();

-- Make posts eligible whose time has come, max_rows of them, and return how many there were. Before that,
-- retrieval finds them by waits_until. This function brings them into the order of the other posts. It does not
-- change posts itself, so that no trigger of an application sees a change.
CREATE OR REPLACE FUNCTION vroom_private.publish_due(max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_posts uuid[] := ARRAY(
    SELECT s.post_id FROM post_stats s WHERE s.waits_until <= now() ORDER BY s.waits_until LIMIT max_rows);
BEGIN
  IF cardinality(v_posts) = 0 THEN
    RETURN 0;
  END IF;
  -- A transaction that changes one of these posts has locked it first, and writes all of this itself.
  v_posts := ARRAY(SELECT p.id FROM posts p WHERE p.id = ANY (v_posts) ORDER BY p.id FOR NO KEY UPDATE SKIP LOCKED);
  INSERT INTO post_blocks AS b (block_no, eligible, newest_published_at)
  SELECT s.post_no >> 10, bit_or(vroom_private.bit_of(s.post_no)), max(s.published_at)
  FROM post_stats s WHERE s.post_id = ANY (v_posts) AND s.waits_until <= now()
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (block_no) DO UPDATE
  SET eligible = b.eligible | excluded.eligible,
      newest_published_at = greatest(b.newest_published_at, excluded.newest_published_at);
  INSERT INTO creator_quality AS c (creator_id, last_published_at)
  SELECT s.creator_id, max(s.published_at)
  FROM post_stats s WHERE s.post_id = ANY (v_posts) AND s.waits_until <= now()
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (creator_id) DO UPDATE
  SET last_published_at = greatest(c.last_published_at, excluded.last_published_at);
  PERFORM FROM post_stats s WHERE s.post_id = ANY (v_posts) ORDER BY s.post_id FOR NO KEY UPDATE;
  UPDATE post_stats s SET eligible = true, waits_until = NULL
  WHERE s.post_id = ANY (v_posts) AND s.waits_until <= now();
  INSERT INTO post_tags (tag, post_id, hot_score, post_no)
  SELECT DISTINCT vroom_private.folded(g.tag), s.post_id, s.hot_score, s.post_no
  FROM posts p
  JOIN post_stats s ON s.post_id = p.id AND s.eligible
  CROSS JOIN unnest(p.tags) AS g(tag)
  WHERE p.id = ANY (v_posts) AND vroom_private.folded(g.tag) <> ''
  ORDER BY 1, 2
  ON CONFLICT DO NOTHING;
  PERFORM vroom_private.write_terms(v_posts);
  RETURN cardinality(v_posts);
END
$$;

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'post_bits_written()', 'post_creators_written()', 'post_stats_written()', 'post_tags_written()',
    'posts_deleted()', 'posts_truncated()', 'publish_due(integer)'
  ] LOOP
    PERFORM vroom_private.open_only_to(('vroom_private.' || f)::regprocedure, NULL);
  END LOOP;
END $$;

COMMIT;
