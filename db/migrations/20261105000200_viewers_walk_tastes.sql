BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Keeps unseen posts that the viewer is likely to like: what others watched after the posts that they
-- finished last; the newest of the creators and the hottest of the tags that they like most; for a viewer
-- of whom little is known, what works on such a device at such a time (`context`, 'phone/evening'; null:
-- as of the viewer's last page). Beside them the newest of the posts that too few have seen to be judged.
CREATE OR REPLACE FUNCTION vroom_private.walk_tastes(
  INOUT search vroom_private.search, want integer, walk integer, context text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_cohorts text[] := '{}';
  v_ids     uuid[];
  v_names   text[];
BEGIN
  IF coalesce((SELECT u.samples FROM user_interest_signals u WHERE u.user_id = search.viewer), 0) < 20 THEN
    context := coalesce(
      context, (SELECT v.device || '/' || v.daypart FROM viewer_context v WHERE v.user_id = search.viewer));
    -- a cohort of unknown context, or of no tag, is null and finds nothing
    v_cohorts := ARRAY[context || '/' || search.liked_tags[1], context || '/'];
  END IF;

  -- Each walk's best first, then each one's second best: none crowds out another.
  SELECT array_agg(w.post_id ORDER BY w.place, w.walk_no, w.post_id),
         array_agg(w.name ORDER BY w.place, w.walk_no, w.post_id)
  INTO v_ids, v_names
  FROM (
    SELECT DISTINCT ON (u.post_id) u.post_id, u.walk_no, u.name, u.place
    FROM (
      SELECT 1 AS walk_no, 'covisit' AS name, n.next_post_id AS post_id, n.place
      FROM (
        SELECT w.post_id FROM viewer_watches w
        WHERE w.user_id = search.viewer AND w.finished_at IS NOT NULL
        ORDER BY w.finished_at DESC LIMIT 5
      ) finished
      CROSS JOIN LATERAL (
        SELECT c.next_post_id, row_number() OVER (ORDER BY c.score DESC) AS place
        FROM post_covisits c WHERE c.post_id = finished.post_id
        ORDER BY c.score DESC LIMIT walk / 50
      ) n
      UNION ALL
      SELECT 2, 'creator', n.post_id, n.place
      FROM unnest(search.liked_creators) AS liked(id)
      CROSS JOIN LATERAL (
        SELECT l.post_id, row_number() OVER (ORDER BY l.published_at DESC, l.post_id) AS place
        FROM (
          SELECT p.post_id, p.published_at FROM post_stats p
          WHERE p.creator_id = liked.id AND p.eligible
          ORDER BY p.published_at DESC LIMIT walk / 40
        ) l
        WHERE (
          SELECT true FROM viewer_last_seen i
          WHERE i.user_id = search.viewer AND i.post_id = l.post_id AND i.seen_at > search.cutoff
          LIMIT 1
        ) IS NULL
          AND l.post_id NOT IN (SELECT unnest(search.served))
        ORDER BY l.published_at DESC, l.post_id LIMIT walk / 80
      ) n
      UNION ALL
      SELECT 3, 'tag', n.post_id, n.place
      FROM unnest(search.liked_tags) AS liked(tag)
      CROSS JOIN LATERAL (
        SELECT l.post_id, row_number() OVER (ORDER BY l.hot_score DESC, l.post_id) AS place
        FROM (
          SELECT t.post_id, t.hot_score FROM post_tags t
          WHERE t.tag = liked.tag
          ORDER BY t.hot_score DESC, t.post_id LIMIT walk / 16
        ) l
        WHERE (
          SELECT true FROM viewer_last_seen i
          WHERE i.user_id = search.viewer AND i.post_id = l.post_id AND i.seen_at > search.cutoff
          LIMIT 1
        ) IS NULL
          AND l.post_id NOT IN (SELECT unnest(search.served))
        ORDER BY l.hot_score DESC, l.post_id LIMIT walk / 32
      ) n
      UNION ALL
      SELECT 4, 'cohort', n.post_id, n.place
      FROM unnest(v_cohorts) AS own(cohort)
      CROSS JOIN LATERAL (
        SELECT c.post_id, row_number() OVER (ORDER BY c.score DESC, c.post_id) AS place
        FROM cohort_posts c WHERE c.cohort = own.cohort
        ORDER BY c.score DESC, c.post_id LIMIT walk / 16
      ) n
    ) u
    ORDER BY u.post_id, u.walk_no, u.place
  ) w;
  IF v_ids IS NOT NULL THEN
    search := vroom_private.keep_unseen(search, v_names, v_ids, want / 2);
  END IF;

  search := vroom_private.keep_unseen(
    search, '{unproven}',
    ARRAY(
      SELECT s.post_id FROM post_stats s WHERE s.eligible AND s.impressions < 100
      ORDER BY s.published_at DESC, s.post_id LIMIT walk / 8
    ),
    greatest(want / 8, 12));
END
$$;

COMMIT;
