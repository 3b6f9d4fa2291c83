BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file learns how much neighbours count beside the heat.

-- Return what two predictions said of the events in which a viewer watched half of a post shortly after others: how
-- likely the post was by what viewers of those others went on to (`follows`), and what share of the heat it had
-- (`share`).
-- Only the oldest 500 such events are judged, because the figures say the least of what comes long after them.
CREATE OR REPLACE FUNCTION vroom_private.judged_neighbours(taken public.engagement_queue[])
RETURNS TABLE (follows double precision, share double precision)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  WITH judged AS MATERIALIZED (
    SELECT t.queue_no, t.post_id, t.at, t.after_posts
    FROM unnest(taken) AS t
    WHERE t.post_id IS NOT NULL AND cardinality(t.after_posts) > 0
    ORDER BY t.queue_no LIMIT 500
  ),
  moment AS (
    SELECT vroom_private.hot_score(u.until, 1) AS slow_now,
           vroom_private.hot_score(u.until, 1, interval '2 hours') AS fast_now,
           ARRAY(SELECT vroom_private.hot_score(u.until, 1, s.half_life)
                 FROM unnest(vroom_private.heat_half_lives()) WITH ORDINALITY AS s(half_life, scale)
                 ORDER BY s.scale) AS heat_now,
           greatest(100, (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'public.post_heat'::regclass)) AS posts
    FROM (SELECT max(j.at) AS until FROM judged j) u
  ),
  known AS MATERIALIZED (  -- what viewers went on to, for each of the posts watched before
    SELECT c.post_id, c.next_post_id,
           c.slow / (sum(c.slow) OVER own + 5) + c.fast / (sum(c.fast) OVER own + 5) AS likely
    FROM (
      SELECT p.post_id, p.next_post_id, 2 ^ greatest(-900, least(60, p.score - m.slow_now)) AS slow,
             2 ^ greatest(-900, least(60, p.fast_score - m.fast_now)) AS fast
      FROM post_covisits p CROSS JOIN moment m
      WHERE p.post_id = ANY (ARRAY(SELECT DISTINCT unnest(j.after_posts) FROM judged j))
    ) c
    WINDOW own AS (PARTITION BY c.post_id)
  )
  SELECT (SELECT coalesce(sum(0.5 * 0.7 ^ (a.place - 1)::double precision * k.likely), 0)
                 / sum(0.7 ^ (a.place - 1)::double precision)
          FROM unnest(j.after_posts) WITH ORDINALITY AS a(post_id, place)
          LEFT JOIN known k ON k.post_id = a.post_id AND k.next_post_id = j.post_id),
         (SELECT sum(mix.weights[n] * (0.01 + coalesce(2 ^ greatest(-60, least(60, h.heat[n] - m.heat_now[n])), 0))
                     / (0.01 * m.posts + 2 ^ greatest(-60, least(60, mix.totals[n] - m.heat_now[n]))))
          FROM generate_series(1, 4) AS n)
  FROM judged j
  CROSS JOIN moment m
  CROSS JOIN heat_mix mix
  LEFT JOIN post_heat h ON h.post_id = j.post_id
$$;

-- Learn how often the next post is one that viewers of the same last posts went on to. It is the weight of one
-- component in a mixture of two, and each event moves it towards the probability that the event came from this
-- component (online expectation maximisation; Cappe and Moulines, "On-line expectation-maximization algorithm for
-- latent data models", 2009). The roll-up calls this function before it counts the events. An event counts for
-- about a thousandth, a run moves the weight by 0.05 at most, and the weight stays between 0.05 and 0.75, so that
-- neither a flood of events nor a quiet day fixes it.
CREATE OR REPLACE FUNCTION vroom_private.learn_neighbours(taken public.engagement_queue[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_mix    heat_mix;
  v_events bigint;
  v_earned double precision;  -- the mean probability that an event came from the neighbours
BEGIN
  SELECT * INTO v_mix FROM heat_mix m FOR NO KEY UPDATE;
  IF v_mix.totals IS NULL OR NOT v_mix.learning THEN
    RETURN;
  END IF;
  SELECT count(*), avg(v_mix.neighbours * j.follows
                       / (v_mix.neighbours * j.follows + (1 - v_mix.neighbours) * j.share))
  INTO v_events, v_earned
  FROM vroom_private.judged_neighbours(taken) AS j;
  IF v_events > 0 THEN
    UPDATE heat_mix m
    SET neighbours = least(0.75, greatest(0.05, v_mix.neighbours + least(0.05, greatest(-0.05,
          (1 - exp(-v_events / 1000.0::double precision)) * (v_earned - v_mix.neighbours)))));
  END IF;
END
$$;

COMMIT;
