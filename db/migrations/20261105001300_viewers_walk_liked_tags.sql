BEGIN;

-- Propose the hottest unseen posts of the tags that the viewer likes most, and say which seen ones stand before
-- them.
CREATE OR REPLACE FUNCTION vroom_private.walk_liked_tags(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT n.post_id, 'tag'::text, n.reason, n.unseen
  FROM unnest(search.liked_tags) AS liked(tag)
  CROSS JOIN LATERAL (
    SELECT l.post_id, seen.reason,
           count(*) FILTER (WHERE seen.reason IS NULL)
             OVER (ORDER BY l.hot_score DESC, l.post_id ROWS UNBOUNDED PRECEDING) AS unseen
    FROM (
      SELECT t.post_id, t.hot_score FROM post_tags t
      WHERE t.tag = liked.tag
      ORDER BY t.hot_score DESC, t.post_id LIMIT walk / 16
    ) l
    CROSS JOIN LATERAL vroom_private.was_seen(search.viewer, search.cutoff, search.served, l.post_id) AS seen
  ) n
  WHERE n.unseen <= walk / 32;  -- the window stops here
END
$$;

COMMIT;
