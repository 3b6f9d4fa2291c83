BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Return what other viewers watched after the last five posts of which this viewer watched at least half, the
-- likeliest first, and how likely each of them is. The co-visits of a post, by either half-life, are divided by the
-- sum of all that are kept of it plus five, so that a few co-visits count for little. An earlier post counts less,
-- by a factor of 0.7 each. judged_neighbours judges what others did by the same formula.
CREATE OR REPLACE FUNCTION vroom_private.neighbours_of(
  viewer uuid, at timestamptz, OUT posts uuid[], OUT likely double precision[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_slow_now double precision := vroom_private.hot_score(at, 1);
  v_fast_now double precision := vroom_private.hot_score(at, 1, interval '2 hours');
BEGIN
  SELECT coalesce(array_agg(n.post_id ORDER BY n.likely DESC, n.post_id), '{}'),
         coalesce(array_agg(n.likely ORDER BY n.likely DESC, n.post_id), '{}')
  INTO posts, likely
  FROM (
    SELECT c.post_id,
           sum(0.5 * 0.7 ^ (c.place - 1)::double precision / c.whole
               * (c.slow / (c.all_slow + 5) + c.fast / (c.all_fast + 5))) AS likely
    FROM (
      SELECT f.place, f.whole, w.post_id, w.slow, w.fast,
             sum(w.slow) OVER (PARTITION BY f.place) AS all_slow,
             sum(w.fast) OVER (PARTITION BY f.place) AS all_fast
      FROM (
        SELECT k.post_id, k.place, sum(0.7 ^ (k.place - 1)::double precision) OVER () AS whole
        FROM (
          SELECT v.post_id, row_number() OVER (ORDER BY v.half_watched_at DESC) AS place
          FROM viewer_watches v
          WHERE v.user_id = viewer AND v.half_watched_at IS NOT NULL
          ORDER BY v.half_watched_at DESC LIMIT 5
        ) k
      ) f
      CROSS JOIN LATERAL (
        SELECT p.next_post_id AS post_id,
               2 ^ greatest(-900, least(60, p.score - v_slow_now)) AS slow,
               2 ^ greatest(-900, least(60, p.fast_score - v_fast_now)) AS fast
        FROM post_covisits p WHERE p.post_id = f.post_id
      ) w
    ) c
    GROUP BY c.post_id
  ) n;
END
$$;

-- Propose what other viewers watched next, twelve posts at a time, so that the other walks have their turns.
CREATE OR REPLACE FUNCTION vroom_private.walk_covisits(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT n.post_id, 'covisit'::text, NULL::text, 1 + (n.place - 1) / 12
  FROM unnest(search.next_posts[1:walk / 5]) WITH ORDINALITY AS n(post_id, place);
END
$$;

COMMIT;
