BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Return the feed as an operator asks for it and explains it: the ladder over the candidates of feed_candidates,
-- in the order of rung and hot score, without the ranking that the feed function adds.
--
-- page_after is the last post of the page before; null asks for the first page. After the last candidate the order
-- starts again at its top, because a feed does not end. Repeats are named by the rules of feed_settings.
CREATE OR REPLACE FUNCTION public.get_personalized_feed(user_id uuid, page_size integer, page_after uuid)
RETURNS TABLE (
  feed_position integer, post_id uuid, creator_id uuid, source text, is_repeat boolean,
  published_at timestamptz, hot_score double precision
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
ROWS 12
AS $$
#variable_conflict use_column
DECLARE
  v_user  uuid := get_personalized_feed.user_id;
  v_size  integer := get_personalized_feed.page_size;
  v_after uuid := get_personalized_feed.page_after;
  v_rules feed_settings;
BEGIN
  IF v_size IS NULL OR v_size NOT BETWEEN 1 AND 50 THEN
    RAISE EXCEPTION 'page_size must be between 1 and 50' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO STRICT v_rules FROM feed_settings;
  RETURN QUERY
  WITH ladder AS (
    SELECT c.*, row_number() OVER (
      ORDER BY array_position(ARRAY['fresh', 'following', 'trending', 'seen'], c.rung),
               c.seen_rank, c.hot_score DESC, c.post_id
    ) AS place
    FROM feed_candidates(v_user, NULL, greatest(200, v_size), v_size, v_rules.cooldown, v_rules.fresh_window) c
  ),
  start AS (SELECT coalesce((SELECT l.place FROM ladder l WHERE l.post_id = v_after), 0) AS place),
  page AS (
    SELECT l.*, (row_number() OVER (ORDER BY l.place <= start.place, l.place) - 1)::integer AS position
    FROM ladder l, start
  )
  SELECT p.position, p.post_id, p.creator_id,
         CASE WHEN p.rung <> 'seen' THEN p.rung
              WHEN p.inventory < v_rules.inventory_waterline
                AND p.position >= v_rules.first_repeat_position
                AND count(*) FILTER (WHERE p.rung = 'seen' AND p.position >= v_rules.first_repeat_position)
                    OVER (ORDER BY p.position) <= v_rules.max_repeats_per_page THEN 'repeat'
              ELSE 'recycled' END,
         p.rung = 'seen', p.published_at, p.hot_score
  FROM page p
  WHERE p.position < v_size
  ORDER BY p.position;
END
$$;
SELECT vroom_private.open_only_to('public.get_personalized_feed(uuid, integer, uuid)', 'vroom_app');

COMMIT;
