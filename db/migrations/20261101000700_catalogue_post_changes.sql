BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Triggers that keep post_stats, post_blocks and post_tags in step with posts.

CREATE OR REPLACE FUNCTION vroom_private.posts_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_half_life interval := vroom_private.hold_hot_half_life();
BEGIN
  -- Blocks are written in their order, so that two writers cannot deadlock.
  IF TG_OP = 'TRUNCATE' THEN
    DELETE FROM post_stats;  -- no TRUNCATE: the same statement may name these tables
    DELETE FROM post_blocks;
    DELETE FROM post_tags;
    DELETE FROM post_heat;
    RETURN NULL;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE post_blocks b SET eligible = b.eligible & ~gone.bits
    FROM (
      SELECT s.post_no >> 10 AS block_no, bit_or(vroom_private.bit_of(s.post_no)) AS bits
      FROM new_posts n
      JOIN post_stats s ON s.post_id = n.id AND s.eligible
      WHERE NOT vroom_private.is_showable(n.visibility, n.mux_ready, n.mux_playback_id)
      GROUP BY 1 ORDER BY 1
    ) gone
    WHERE b.block_no = gone.block_no
      -- by the key: the blocks of a large catalogue are not to be read for one post
      AND b.block_no = ANY (ARRAY(
        SELECT s.post_no >> 10 FROM new_posts n JOIN post_stats s ON s.post_id = n.id));
  ELSIF TG_OP = 'DELETE' THEN
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
    DELETE FROM post_stats s USING old_posts o WHERE s.post_id = o.id;
    DELETE FROM post_tags t USING old_posts o WHERE t.post_id = o.id;
    DELETE FROM post_heat h USING old_posts o WHERE h.post_id = o.id;
    RETURN NULL;
  END IF;

  INSERT INTO post_blocks AS b (block_no, eligible, newest_published_at)
  SELECT n.post_no >> 10, bit_or(vroom_private.bit_of(n.post_no)), max(coalesce(n.published_at, n.created_at))
  FROM new_posts n
  LEFT JOIN post_stats s ON s.post_id = n.id
  WHERE vroom_private.is_showable(n.visibility, n.mux_ready, n.mux_playback_id)
    AND (s.post_id IS NULL OR NOT s.eligible OR s.published_at < coalesce(n.published_at, n.created_at))
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (block_no) DO UPDATE
  SET eligible = b.eligible | excluded.eligible,
      newest_published_at = greatest(b.newest_published_at, excluded.newest_published_at);

  INSERT INTO creator_quality AS c (creator_id, last_published_at)
  SELECT n.creator_id, max(coalesce(n.published_at, n.created_at))
  FROM new_posts n
  WHERE vroom_private.is_showable(n.visibility, n.mux_ready, n.mux_playback_id)
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (creator_id) DO UPDATE SET last_published_at = excluded.last_published_at
  WHERE c.last_published_at IS NULL OR c.last_published_at < excluded.last_published_at;

  INSERT INTO post_stats AS s (post_id, post_no, creator_id, eligible, published_at, duration_ms, hot_score)
  SELECT n.id, n.post_no, n.creator_id, vroom_private.is_showable(n.visibility, n.mux_ready, n.mux_playback_id),
         coalesce(n.published_at, n.created_at), n.mux_duration_ms,
         vroom_private.hot_score(coalesce(n.published_at, n.created_at), 1, v_half_life)
  FROM new_posts n
  ORDER BY n.id  -- as the roll-up locks them
  ON CONFLICT (post_id) DO UPDATE
  SET eligible = excluded.eligible, creator_id = excluded.creator_id,
      duration_ms = excluded.duration_ms, published_at = excluded.published_at,
      -- a post without an event is as hot as its age; one with events keeps what it earned
      hot_score = CASE WHEN s.impressions = 0 AND s.plays = 0 THEN excluded.hot_score ELSE s.hot_score END;

  IF TG_OP = 'UPDATE' THEN
    DELETE FROM post_tags t USING new_posts n
    WHERE t.post_id = n.id
      AND (t.tag = ANY (n.tags)
           AND vroom_private.is_showable(n.visibility, n.mux_ready, n.mux_playback_id)) IS NOT TRUE;
  END IF;
  INSERT INTO post_tags AS t (tag, post_id, hot_score, post_no)
  SELECT DISTINCT g.tag, s.post_id, s.hot_score, s.post_no
  FROM new_posts n
  JOIN post_stats s ON s.post_id = n.id AND s.eligible
  CROSS JOIN unnest(n.tags) AS g(tag)
  WHERE g.tag <> ''
  ORDER BY 1, 2
  ON CONFLICT (tag, post_id) DO UPDATE SET hot_score = excluded.hot_score
  WHERE abs(t.hot_score - excluded.hot_score) > 0.5;
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER posts_inserted AFTER INSERT ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.posts_changed();
CREATE OR REPLACE TRIGGER posts_updated AFTER UPDATE ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.posts_changed();
CREATE OR REPLACE TRIGGER posts_deleted AFTER DELETE ON public.posts
  REFERENCING OLD TABLE AS old_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.posts_changed();
CREATE OR REPLACE TRIGGER posts_truncated AFTER TRUNCATE ON public.posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.posts_changed();

SELECT vroom_private.open_only_to('vroom_private.posts_changed()', NULL);

COMMIT;
