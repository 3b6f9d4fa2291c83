BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Retention deletes rows whose time has passed. A call deletes a bounded number of rows and finds them by indexes,
-- so that a call costs the same however large a table has grown.

-- The place at which the search for rows of deleted posts continues.
CREATE TABLE IF NOT EXISTS public.upkeep_places (
  task      text PRIMARY KEY,
  last_key  text NOT NULL,
  last_post uuid NOT NULL
);
ALTER TABLE public.upkeep_places ENABLE ROW LEVEL SECURITY;

-- Remove the oldest rows of a table, at most `max_rows` of them, and return how many were removed. Rows that somebody
-- else has locked stay for the next call. All of a row's `ages` must lie before `until`. The first of these
-- columns has an index.
CREATE OR REPLACE FUNCTION vroom_private.remove_oldest(
  from_table regclass, ages name[], until timestamptz, max_rows integer
) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_removed integer;
BEGIN
  EXECUTE format(
    'DELETE FROM %1$s t WHERE t.ctid = ANY (ARRAY('
    'SELECT o.ctid FROM %1$s o WHERE %2$s ORDER BY o.%3$I LIMIT $2 FOR UPDATE SKIP LOCKED))',
    from_table, (SELECT string_agg(format('o.%I < $1', age), ' AND ') FROM unnest(ages) AS age), ages[1])
  USING until, max_rows;
  GET DIAGNOSTICS v_removed = ROW_COUNT;
  RETURN v_removed;
END
$$;

-- Remove the heat of the posts that have not been watched for the longest time, where nothing is left of it, and
-- return how many rows were removed. Nothing is left after 32 half-lives of 6 hours, which is 8 days for a post
-- that was watched once. A post whose heat somebody else is writing stays, because it has just been watched again.
CREATE OR REPLACE FUNCTION vroom_private.forget_cold_posts(max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_cold    double precision := vroom_private.hot_score(clock_timestamp(), 1, interval '6 hours') - 32;
  v_removed integer;
BEGIN
  DELETE FROM post_heat h WHERE h.ctid = ANY (ARRAY(
    SELECT o.ctid FROM post_heat o WHERE o.heat[3] < v_cold
    ORDER BY o.heat[3] LIMIT max_rows FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS v_removed = ROW_COUNT;
  RETURN v_removed;
END
$$;

-- Look at the next `max_rows` rows of a table that refers to posts, remove those whose post no longer exists, and
-- return how many were removed. post_columns are the columns that name posts. key_column and the last of
-- post_columns form the primary key. Rows that somebody else has locked stay for a call of the next round.
CREATE OR REPLACE FUNCTION vroom_private.remove_orphans(
  from_table regclass, key_column name, post_columns name[], max_rows integer
) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_task    text := from_table::text;
  v_post    name := post_columns[cardinality(post_columns)];
  v_type    regtype;
  v_looked  integer;
  v_removed integer;
  v_place   upkeep_places;
BEGIN
  SELECT a.atttypid::regtype INTO v_type FROM pg_attribute a
  WHERE a.attrelid = from_table AND a.attname = key_column;
  SELECT * INTO v_place FROM upkeep_places p WHERE p.task = v_task;
  EXECUTE format(
    'WITH looked AS MATERIALIZED ('
    '  SELECT t.* FROM %1$s t WHERE $1 IS NULL OR (t.%2$I, t.%3$I) > ($1::%4$s, $2)'
    '  ORDER BY t.%2$I, t.%3$I LIMIT $3),'
    ' gone AS ('
    '  DELETE FROM %1$s t WHERE t.ctid = ANY (ARRAY('
    '   SELECT o.ctid FROM looked l JOIN %1$s o ON (o.%2$I, o.%3$I) = (l.%2$I, l.%3$I)'
    '   WHERE %5$s FOR UPDATE OF o SKIP LOCKED)) RETURNING true)'
    ' SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM gone), last.key::text, last.post'
    ' FROM (SELECT) one LEFT JOIN ('
    '  SELECT l.%2$I AS key, l.%3$I AS post FROM looked l ORDER BY l.%2$I DESC, l.%3$I DESC LIMIT 1'
    ' ) last ON true',
    from_table, key_column, v_post, v_type,
    (SELECT string_agg(format('NOT EXISTS (SELECT FROM post_stats s WHERE s.post_id = l.%I)', c), ' OR ')
     FROM unnest(post_columns) AS c))
  INTO v_looked, v_removed, v_place.last_key, v_place.last_post
  USING v_place.last_key, v_place.last_post, max_rows;
  IF v_looked < max_rows THEN  -- this was the end; the next call starts from the beginning
    DELETE FROM upkeep_places p WHERE p.task = v_task;
  ELSE
    INSERT INTO upkeep_places VALUES (v_task, v_place.last_key, v_place.last_post)
    ON CONFLICT (task) DO UPDATE SET last_key = excluded.last_key, last_post = excluded.last_post;
  END IF;
  RETURN v_removed;
END
$$;

-- Remove feedback about posts that no longer exist, because it has no effect any more, and return how many rows
-- were removed. A call looks at the next `max_rows` rows that are older than `after`, and starts where the last call
-- ended. Rows that somebody else has locked stay for a call of the next round.
CREATE OR REPLACE FUNCTION vroom_private.retire_feedback(max_rows integer, after interval) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_place   upkeep_places;
  v_looked  integer;
  v_removed integer;
BEGIN
  SELECT * INTO v_place FROM upkeep_places p WHERE p.task = 'feedback';
  WITH looked AS MATERIALIZED (
    SELECT f.user_id, f.id, f.created_at, f.post_id, f.action <> 'hide_creator' AS of_post
    FROM feedback f
    WHERE (f.created_at, f.id) > (coalesce(v_place.last_key::timestamptz, '-infinity'),
                                  coalesce(v_place.last_post, '00000000-0000-0000-0000-000000000000'))
      AND f.created_at < now() - retire_feedback.after
    ORDER BY f.created_at, f.id LIMIT max_rows
  ), gone AS (
    DELETE FROM feedback f WHERE f.ctid = ANY (ARRAY(
      SELECT o.ctid FROM looked l JOIN feedback o ON o.user_id = l.user_id AND o.id = l.id
      WHERE l.of_post AND l.post_id IS NOT NULL AND NOT EXISTS (SELECT FROM posts p WHERE p.id = l.post_id)
      FOR UPDATE OF o SKIP LOCKED))
    RETURNING true
  )
  SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM gone), last.created_at::text, last.id
  INTO v_looked, v_removed, v_place.last_key, v_place.last_post
  FROM (SELECT) one
  LEFT JOIN (
    SELECT l.created_at, l.id FROM looked l ORDER BY l.created_at DESC, l.id DESC LIMIT 1
  ) last ON true;
  IF v_looked < max_rows THEN  -- this was the end; the next call starts from the beginning
    DELETE FROM upkeep_places p WHERE p.task = 'feedback';
  ELSE
    INSERT INTO upkeep_places (task, last_key, last_post) VALUES ('feedback', v_place.last_key, v_place.last_post)
    ON CONFLICT (task) DO UPDATE SET last_key = excluded.last_key, last_post = excluded.last_post;
  END IF;
  RETURN v_removed;
END
$$;

REVOKE ALL ON FUNCTION vroom_private.retire_feedback(integer, interval) FROM PUBLIC;

-- Remove what is past its time of what viewers did.
CREATE OR REPLACE FUNCTION vroom_private.prune_viewers(max_rows integer, cooldown interval)
RETURNS TABLE (kind text, removed integer)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_settings feed_settings;
BEGIN
  SELECT * INTO STRICT v_settings FROM feed_settings;
  RETURN QUERY
  SELECT r.kind, vroom_private.remove_oldest(('public.' || r.kind)::regclass, r.ages, now() - r.kept, max_rows)
  FROM (VALUES
    ('user_post_impressions', ARRAY['created_at', 'seen_at']::name[],
     greatest(v_settings.cooldown, prune_viewers.cooldown) + interval '1 day'),
    ('watch_events', ARRAY['created_at']::name[], v_settings.keep_watch_events),
    ('viewer_watches', ARRAY['last_at']::name[], v_settings.keep_watches),
    ('feed_requests', ARRAY['created_at']::name[], v_settings.keep_requests),
    ('feed_pages', ARRAY['created_at']::name[], v_settings.keep_pages),
    ('erasures', ARRAY['counts_again_at']::name[], interval '0')
  ) AS r(kind, ages, kept);
  RETURN QUERY SELECT 'feedback', vroom_private.retire_feedback(max_rows, interval '1 day');
END
$$;

-- Remove what is kept of posts that no longer exist or that nobody watches. A cell leaves this to the catalogue.
CREATE OR REPLACE FUNCTION vroom_private.prune_posts(max_rows integer) RETURNS TABLE (kind text, removed integer)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN QUERY
  SELECT r.kind, vroom_private.remove_orphans(
    ('public.' || r.kind)::regclass, r.key_column, r.post_columns, max_rows)
  FROM (VALUES
    ('post_tags', 'tag'::name, ARRAY['post_id']::name[]),
    ('post_covisits', 'post_id', ARRAY['post_id', 'next_post_id']),
    ('cohort_posts', 'cohort', ARRAY['post_id'])
  ) AS r(kind, key_column, post_columns);
  RETURN QUERY SELECT 'post_heat', vroom_private.forget_cold_posts(max_rows);
  DELETE FROM vroom_private.erased_creators e WHERE e.erased_at < now() - interval '7 days';
END
$$;

-- Remove rows whose time has passed, max_rows (10,000 at most) of each kind, and return how many of each kind were
-- removed. feed_settings says how long each kind is kept. Impressions are kept for a day longer than the cooldown.
-- A caller with a longer cooldown keeps impressions for that time; a shorter cooldown changes nothing. Only one
-- call works at a time. A call that comes meanwhile does nothing.
CREATE OR REPLACE FUNCTION public.prune(max_rows integer, cooldown interval DEFAULT NULL)
RETURNS TABLE (kind text, removed integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_rows integer := least(10000, greatest(0, max_rows));
BEGIN
  PERFORM vroom_private.assert_no_viewer();
  IF NOT vroom_private.try_lock_task('prune') THEN
    RETURN;
  END IF;
  IF vroom_private.server_kind() <> 'catalogue' THEN
    RETURN QUERY SELECT * FROM vroom_private.prune_viewers(v_rows, prune.cooldown);
  END IF;
  IF vroom_private.server_kind() <> 'viewers' THEN
    RETURN QUERY SELECT * FROM vroom_private.prune_posts(v_rows);
  END IF;
END
$$;
SELECT vroom_private.open_only_to('vroom_private.prune_viewers(integer, interval)', NULL);
SELECT vroom_private.open_only_to('vroom_private.prune_posts(integer)', NULL);
SELECT vroom_private.open_only_to('public.prune(integer, interval)', 'vroom_app');

COMMIT;
