BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

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
    SELECT judged.post_id, judged.reason,
           count(*) FILTER (WHERE judged.reason IS NULL)
             OVER (ORDER BY judged.hot_score DESC, judged.post_id ROWS UNBOUNDED PRECEDING) AS unseen
    FROM (
      SELECT hottest.post_id, hottest.hot_score, seen.reason
      FROM (
        SELECT t.post_id, t.hot_score FROM post_tags t
        WHERE t.tag = liked.tag
        ORDER BY t.hot_score DESC, t.post_id LIMIT walk / 16
      ) hottest
      CROSS JOIN LATERAL vroom_private.was_seen(
        search.viewer, search.cutoff, search.served, hottest.post_id) AS seen
      ORDER BY hottest.hot_score DESC, hottest.post_id OFFSET 0  -- a reason is found once
    ) judged
  ) n
  WHERE n.unseen <= walk / 32;  -- the window stops here
END
$$;

COMMIT;
