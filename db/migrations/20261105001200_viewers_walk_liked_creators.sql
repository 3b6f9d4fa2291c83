BEGIN;

-- Propose the newest unseen posts of the creators whom the viewer likes most, and say which seen ones stand
-- before them.
CREATE OR REPLACE FUNCTION vroom_private.walk_liked_creators(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT n.post_id, 'creator'::text, n.reason, n.unseen
  FROM unnest(search.liked_creators) AS liked(creator_id)
  CROSS JOIN LATERAL (
    SELECT l.post_id, seen.reason,
           count(*) FILTER (WHERE seen.reason IS NULL)
             OVER (ORDER BY l.published_at DESC, l.post_id ROWS UNBOUNDED PRECEDING) AS unseen
    FROM (
      SELECT p.post_id, p.published_at FROM post_stats p
      WHERE p.creator_id = liked.creator_id AND p.eligible
      ORDER BY p.published_at DESC LIMIT walk / 40
    ) l
    CROSS JOIN LATERAL vroom_private.was_seen(search.viewer, search.cutoff, search.served, l.post_id) AS seen
  ) n
  WHERE n.unseen <= walk / 80;  -- the window stops here
END
$$;

COMMIT;
