BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file learns how much neighbours count beside the heat.

-- Return what two predictions said of the events in which a viewer watched half of a post shortly after others: how
-- likely the post was by what viewers of those others went on to (`follows`), and what share of the heat it had
-- (`share`).
-- Only the oldest 500 such events are judged, because the figures say the least of what comes long after them. Sums
-- are taken in one order here and below, so that the last digit does not depend on the plan.
CREATE OR REPLACE FUNCTION vroom_private.judged_neighbours(taken public.engagement_queue[])
RETURNS TABLE (queue_no bigint, follows double precision, share double precision)
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
  known AS MATERIALIZED (  -- how often viewers went on to the event's post, from each of the posts watched before it
    SELECT j.queue_no, a.place, c.post_id, c.score, c.fast_score
    FROM judged j
    CROSS JOIN LATERAL unnest(j.after_posts) WITH ORDINALITY AS a(post_id, place)
    -- LIMIT makes this a probe of the key
    CROSS JOIN LATERAL (
      SELECT p.post_id, p.score, p.fast_score FROM post_covisits p
      WHERE p.post_id = a.post_id AND p.next_post_id = j.post_id LIMIT 1) AS c
  ),
  whole AS MATERIALIZED (  -- how often viewers went on to any post, from each of these posts
    SELECT p.post_id,
           sum(2 ^ greatest(-900, least(60, p.score - m.slow_now)) ORDER BY p.next_post_id) + 5 AS slow,
           sum(2 ^ greatest(-900, least(60, p.fast_score - m.fast_now)) ORDER BY p.next_post_id) + 5 AS fast
    FROM post_covisits p CROSS JOIN moment m
    WHERE p.post_id = ANY (ARRAY(SELECT DISTINCT k.post_id FROM known k))
    GROUP BY p.post_id
  ),
  told AS MATERIALIZED (
    SELECT k.queue_no,
           sum(0.5 * 0.7 ^ (k.place - 1)::double precision
               * (2 ^ greatest(-900, least(60, k.score - m.slow_now)) / w.slow
                  + 2 ^ greatest(-900, least(60, k.fast_score - m.fast_now)) / w.fast) ORDER BY k.place) AS likely
    FROM known k JOIN whole w USING (post_id) CROSS JOIN moment m
    GROUP BY k.queue_no
  )
  SELECT j.queue_no,
         coalesce(t.likely, 0)
         / (SELECT sum(0.7 ^ (place - 1)::double precision ORDER BY place)
            FROM generate_series(1, cardinality(j.after_posts)) AS place),
         (SELECT sum(mix.weights[n] * (0.01 + coalesce(2 ^ greatest(-60, least(60, h.heat[n] - m.heat_now[n])), 0))
                     / (0.01 * m.posts + 2 ^ greatest(-60, least(60, mix.totals[n] - m.heat_now[n]))))
          FROM generate_series(1, 4) AS n)
  FROM judged j
  CROSS JOIN moment m
  CROSS JOIN heat_mix mix
  LEFT JOIN told t ON t.queue_no = j.queue_no
  LEFT JOIN post_heat h ON h.post_id = j.post_id
$$;

-- Learn how often the next post is one that viewers of the same last posts went on to. It is the weight of one
-- component in a mixture of two, and each event moves it towards the probability that the event came from this
-- component (online expectation maximisation; Cappe and Moulines, "On-line expectation-maximization algorithm for
-- latent data models", 2009). The roll-up calls this function before it counts the events, and gives the step that it
-- returns to update_heat_mix. An event counts for about a thousandth, and a step is 0.05 at most. It is null where
-- nothing is to be learnt.
CREATE OR REPLACE FUNCTION vroom_private.judge_neighbours(taken public.engagement_queue[]) RETURNS double precision
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT least(0.05, greatest(-0.05,
           (1 - exp(-k.events / 1000.0::double precision)) * (k.earned - m.neighbours)))
  FROM heat_mix m
  CROSS JOIN LATERAL (  -- how many events there were, and how probable it is on average that neighbours told them
    SELECT count(*) AS events,
           avg(m.neighbours * j.follows / (m.neighbours * j.follows + (1 - m.neighbours) * j.share)
               ORDER BY j.queue_no) AS earned
    FROM vroom_private.judged_neighbours(CASE WHEN m.learning AND m.totals IS NOT NULL THEN taken END) AS j
  ) k
  WHERE k.events > 0
$$;

-- Update the mix by what events have added to the heat of all posts, and by what was learnt from them. A run moves no
-- weight of a half-life by more than a tenth, and each keeps at least a twentieth. What is learnt of neighbours stays
-- between 0.05 and 0.75. Therefore neither a flood of events nor a quiet day fixes the mix. All shares of the roll-up
-- write this row, so the roll-up calls this function last.
CREATE OR REPLACE FUNCTION vroom_private.update_heat_mix(
  added double precision[], until timestamptz, watched double precision, shown double precision,
  gains double precision[], step double precision
) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  UPDATE heat_mix m
  SET totals = vroom_private.add_heat(m.totals, added),
      neighbours = CASE WHEN step IS NULL THEN m.neighbours
                        ELSE least(0.75, greatest(0.05, m.neighbours + step)) END,
      weights = CASE WHEN gains IS NULL THEN m.weights
                     ELSE vroom_private.bent_weights(m.weights, gains, watched) END,
      reward = CASE WHEN gains IS NULL OR shown = 0 THEN m.reward
                    ELSE vroom_private.ema_step(m.reward, least(1, watched / shown), 0.05) END,
      updated_at = CASE WHEN gains IS NULL THEN m.updated_at ELSE until END
  WHERE added IS NOT NULL OR gains IS NOT NULL OR step IS NOT NULL
$$;

COMMIT;
