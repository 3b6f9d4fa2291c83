BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The functions in this file take posts that viewers have reported off the feed, and put them back.

-- Take posts with too many reports off the feed until somebody has reviewed them, and return how many were taken
-- off. This is the first step of the roll-up, because every transaction that changes posts locks them before their
-- figures.
CREATE OR REPLACE FUNCTION vroom_private.hold_reported(taken public.engagement_queue[], threshold integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_due  uuid[];
  v_held integer;
BEGIN
  v_due := ARRAY(
    SELECT p.id
    FROM (SELECT t.post_id, sum(t.reports) AS reports FROM unnest(taken) AS t GROUP BY 1) new
    JOIN post_stats s ON s.post_id = new.post_id
    JOIN posts p ON p.id = new.post_id
    WHERE new.reports > 0 AND s.reports + new.reports >= threshold AND p.visibility = 'public'
    ORDER BY p.id FOR NO KEY UPDATE OF p
  );
  UPDATE posts p SET visibility = 'shadow_ban' WHERE p.id = ANY (v_due) AND p.visibility = 'public';
  GET DIAGNOSTICS v_held = ROW_COUNT;
  INSERT INTO post_reviews AS r (post_id, reports)
  SELECT s.post_id, s.reports + sum(t.reports)
  FROM post_stats s JOIN unnest(taken) AS t ON t.post_id = s.post_id
  WHERE s.post_id = ANY (v_due)
  GROUP BY s.post_id
  ON CONFLICT (post_id) DO UPDATE
  SET held_at = excluded.held_at, reports = excluded.reports, reviewed_at = NULL, verdict = NULL;
  RETURN v_held;
END
$$;

-- Record an operator's verdict on a reported post: `restored` to the feed, or `removed` for good. The reports that
-- led to the verdict no longer count, and neither do those that are still in the queue.
CREATE OR REPLACE FUNCTION public.review_post(post uuid, verdict text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_post    uuid := post;
  v_verdict text := verdict;
  v_reports bigint;
BEGIN
  IF v_verdict IS NULL OR v_verdict NOT IN ('restored', 'removed') THEN
    RAISE EXCEPTION 'a verdict is restored or removed' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM vroom_private.lock_task('roll_up');
  -- Every transaction that changes posts locks them before their figures. A report that is being given holds a lock on
  -- the figures until it has committed (count_report), so that the statements below find it in the queue.
  PERFORM FROM posts p WHERE p.id = v_post FOR NO KEY UPDATE;
  SELECT s.reports INTO v_reports FROM post_stats s WHERE s.post_id = v_post FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no post has this id' USING ERRCODE = 'no_data_found';
  END IF;
  INSERT INTO post_reviews AS r (post_id, reports, reviewed_at, verdict, counted_from)
  VALUES (v_post, v_reports, clock_timestamp(), v_verdict, clock_timestamp())
  ON CONFLICT (post_id) DO UPDATE
  SET reviewed_at = excluded.reviewed_at, verdict = excluded.verdict, counted_from = excluded.counted_from;
  UPDATE engagement_queue q SET reports = 0 WHERE q.post_id = v_post AND q.reports <> 0;
  UPDATE post_stats s SET reports = 0 WHERE s.post_id = v_post AND s.reports <> 0;
  UPDATE posts p SET visibility = CASE v_verdict WHEN 'restored' THEN 'public' ELSE 'removed' END
  WHERE p.id = v_post;
END
$$;

SELECT vroom_private.open_only_to('public.review_post(uuid, text)', NULL);

COMMIT;
