BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file shows viewers what is kept of them, and erases it.
--
-- Erasing works in bounded batches, each in a transaction of its own. A repeated call finishes what is left. What
-- other viewers did with the posts of an erased creator stays theirs, because it names the posts and not the
-- creator.

-- These indexes let the erasure of a creator find the creator in the rows of other viewers.
CREATE INDEX IF NOT EXISTS follows_by_creator ON public.follows (creator_id);
CREATE INDEX IF NOT EXISTS feedback_by_creator ON public.feedback (creator_id);
CREATE INDEX IF NOT EXISTS viewer_creator_affinity_by_creator ON public.viewer_creator_affinity (creator_id);

-- Return every table that names a viewer, the column that names the viewer, and the column by which the newest
-- rows are found. The order is that of an export, in which the shorter tables come first.
--
-- goes says when the rows are deleted:
--      `history`   with the history, and with everything
--      `all`       only with everything
--      `posts`     with the viewer's posts
--      `sessions`  by forget_sessions
CREATE OR REPLACE FUNCTION vroom_private.viewer_tables()
RETURNS TABLE (place integer, name text, key text, newest text, goes text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  VALUES
    (1, 'creator_quality', 'creator_id', 'updated_at', 'posts'),
    (2, 'posts', 'creator_id', 'created_at', 'posts'),
    (3, 'post_stats', 'creator_id', 'published_at', 'posts'),
    (4, 'uploads', 'creator_id', 'created_at', 'posts'),
    (5, 'follows', 'follower_id', 'created_at', 'all'),
    (6, 'feedback', 'user_id', 'created_at', 'all'),
    (7, 'user_interest_signals', 'user_id', 'updated_at', 'history'),
    (8, 'viewer_context', 'user_id', 'updated_at', 'history'),
    (9, 'viewer_creator_affinity', 'user_id', 'at', 'history'),
    (10, 'viewer_tag_affinity', 'user_id', 'at', 'history'),
    (11, 'viewer_seen', 'user_id', 'block_no', 'history'),
    (12, 'viewer_last_seen', 'user_id', 'seen_at', 'history'),
    (13, 'viewer_watches', 'user_id', 'last_at', 'history'),
    (14, 'watch_events', 'user_id', 'created_at', 'history'),
    (15, 'user_post_impressions', 'user_id', 'created_at', 'history'),
    (16, 'feed_requests', 'user_id', 'created_at', 'history'),
    (17, 'feed_pages', 'user_id', 'created_at', 'sessions'),
    (18, 'viewer_allowance', 'user_id', 'at', 'history')
$$;

-- Return an upper bound of the bytes that a text takes as a string within a string of JSON, whatever is escaped. A
-- quote or a backslash takes two bytes more. A character beyond ASCII takes up to \uXXXX\uXXXX.
CREATE OR REPLACE FUNCTION vroom_private.wire_size(content text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT octet_length(content) + 4 * (octet_length(content) - char_length(content))
    + char_length(content) - char_length(translate(content, '"\', ''))
$$;

-- Return all that is kept of a viewer as {table: {rows, total, truncated}}, with the newest rows first and with at
-- most `max_bytes` bytes in all. What a small table leaves of its share goes to the tables after it.
CREATE OR REPLACE FUNCTION public.viewer_data(viewer uuid, max_bytes bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
  v_found jsonb := '{}';
  v_left  bigint := max_bytes;
  v_share bigint;
  v_size  bigint;
  v_total bigint;
  v_rows  jsonb[];
  v_row   jsonb;
  t       record;
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  FOR t IN
    SELECT l.*, count(*) OVER () - l.place + 1 AS sharing FROM vroom_private.viewer_tables() l ORDER BY l.place
  LOOP
    v_share := v_left / t.sharing;
    EXECUTE format('SELECT count(*) FROM public.%I r WHERE r.%I = $1', t.name, t.key) INTO v_total USING viewer;
    v_rows := '{}';
    -- The rows are read one by one, so that no more of a long history is read than is wanted.
    FOR v_row IN EXECUTE format(
      'SELECT to_jsonb(n) - %2$L FROM (SELECT * FROM public.%1$I r WHERE r.%2$I = $1 ORDER BY r.%3$I DESC OFFSET 0) n',
      t.name, t.key, t.newest) USING viewer
    LOOP
      v_size := vroom_private.wire_size(v_row::text) + 2;
      EXIT WHEN v_size > v_share;
      v_rows := v_rows || v_row;
      v_share := v_share - v_size;
      v_left := v_left - v_size;
    END LOOP;
    v_found := v_found || jsonb_build_object(t.name, jsonb_build_object(
      'rows', to_jsonb(v_rows), 'total', v_total, 'truncated', cardinality(v_rows) < v_total));
  END LOOP;
  RETURN v_found;
END
$$;

-- Delete at most `max_rows` rows of other viewers that name a creator, and return {table: rows}.
CREATE OR REPLACE FUNCTION vroom_private.erase_names(creator uuid, max_rows integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_gone   jsonb := '{}';
  v_left   integer := max_rows;
  v_count  integer;
  t        record;
BEGIN
  FOR t IN
    SELECT * FROM (VALUES
      (1, 'follows', 'followers'), (2, 'feedback', 'feedback_of_others'),
      (3, 'viewer_creator_affinity', 'affinities_of_others'), (4, 'engagement_queue', 'engagement_queue')
    ) AS v(place, relation, called) ORDER BY v.place
  LOOP
    EXIT WHEN v_left <= 0;
    v_count := vroom_private.erase_rows(t.relation, 'creator_id', creator, v_left);
    v_left := v_left - v_count;
    v_gone := v_gone || jsonb_build_object(t.called, v_count);
  END LOOP;
  RETURN v_gone;
END
$$;

-- Delete the posts of a viewer and the rows that name the viewer as a creator, at most `max_rows` rows, and return
-- {table: rows}. A cell cannot delete posts. It gives the catalogue an order, which the catalogue carries out.
CREATE OR REPLACE FUNCTION vroom_private.erase_creator(viewer uuid, max_rows integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_gone jsonb := '{}';
BEGIN
  IF vroom_private.server_kind() = 'viewers' THEN
    PERFORM vroom_private.order_erasure(viewer);
  ELSE
    v_gone := vroom_private.erase_posts(viewer, max_rows);
  END IF;
  RETURN v_gone || vroom_private.erase_names(viewer, max_rows - vroom_private.rows_of(v_gone - 'uploads'));
END
$$;

-- Order the catalogue to erase a viewer's posts, unless nothing of theirs is there or the order stands already. The
-- order stands until the catalogue has confirmed that it has arrived.
CREATE OR REPLACE FUNCTION vroom_private.order_erasure(viewer uuid) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO vroom_private.erasure_orders (creator_id)
  SELECT viewer
  WHERE NOT EXISTS (SELECT FROM vroom_private.erasure_orders o WHERE o.creator_id = viewer)
$$;

-- Return whether a row exists that erase_viewer would delete.
CREATE OR REPLACE FUNCTION vroom_private.is_kept(viewer uuid, everything boolean) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_found boolean;
  t       record;
BEGIN
  FOR t IN
    SELECT l.name, l.key FROM vroom_private.viewer_tables() l
    WHERE l.goes = 'history' OR l.goes IN ('all', 'posts') AND everything
    UNION ALL
    SELECT v.name, 'creator_id'
    FROM (VALUES ('follows'), ('feedback'), ('viewer_creator_affinity'), ('engagement_queue')) AS v(name)
    WHERE everything
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I r WHERE r.%I = $1)', t.name, t.key)
    INTO v_found USING viewer;
    EXIT WHEN v_found;
  END LOOP;
  RETURN v_found;
END
$$;

-- Take back what at most `max_rows` of a viewer's reports have counted, and return how many were taken back.
CREATE OR REPLACE FUNCTION vroom_private.give_reports_back(viewer uuid, max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_count integer;
BEGIN
  WITH back AS (
    UPDATE feedback f SET counted = false
    WHERE f.user_id = viewer AND f.id = ANY (ARRAY(
      SELECT g.id FROM feedback g WHERE g.user_id = viewer AND g.counted LIMIT max_rows))
    RETURNING f.post_id, f.creator_id, f.created_at
  ), queued AS (
    INSERT INTO engagement_queue (post_id, creator_id, reports)
    SELECT b.post_id, b.creator_id, -1 FROM back b
    WHERE NOT EXISTS (SELECT FROM post_reviews r WHERE r.post_id = b.post_id AND r.counted_from > b.created_at)
  )
  SELECT count(*) INTO v_count FROM back;
  RETURN v_count;
END
$$;

-- Erase what is kept of a viewer, or the viewer's history alone, at most `max_rows` rows in a call. `erased` counts
-- the rows by table. `complete` says that nothing is left. The rows of feed_pages are left to forget_sessions,
-- because they are needed to find the items in the session cache.
CREATE OR REPLACE FUNCTION public.erase_viewer(viewer uuid, everything boolean, max_rows integer DEFAULT 2000)
RETURNS TABLE (erased jsonb, complete boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer uuid := viewer;
  v_left   integer := max_rows;
  v_gone   jsonb := '{}';
  v_had    boolean;
  v_count  integer;
  t        record;
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  IF everything AND vroom_private.server_kind() <> 'viewers' THEN
    -- erase_posts needs this lock, which a roll-up may hold for seconds. An erasure that waits for it has not locked
    -- anything of the viewer yet. Otherwise the viewer's batches would wait, and so would those of other viewers who
    -- share the lock of a history.
    PERFORM vroom_private.lock_task('roll_up');
  END IF;
  v_had := EXISTS (SELECT FROM user_interest_signals s WHERE s.user_id = v_viewer);
  PERFORM vroom_private.lock_viewer(v_viewer);
  -- This lock is taken before any row of the history is touched, as in the transactions that add to the history.
  PERFORM vroom_private.lock_histories(ARRAY[v_viewer]);
  PERFORM vroom_private.mark_forgotten(ARRAY[v_viewer], now() + f.cooldown) FROM feed_settings f;
  IF everything THEN
    v_left := v_left - vroom_private.give_reports_back(v_viewer, v_left);
    v_gone := vroom_private.erase_creator(v_viewer, v_left);
    v_left := v_left - vroom_private.rows_of(v_gone - 'uploads');
  ELSE
    -- What was taken off affinities cannot be given back once the affinities are deleted.
    UPDATE feedback f SET taken = '{}' WHERE f.user_id = v_viewer AND f.taken <> '{}';
  END IF;
  FOR t IN
    SELECT l.* FROM vroom_private.viewer_tables() l
    WHERE (l.goes = 'history' OR l.goes = 'all' AND everything) AND l.name <> 'user_interest_signals'
    ORDER BY l.place
  LOOP
    EXIT WHEN v_left <= 0;
    v_count := vroom_private.erase_rows(t.name, t.key, v_viewer, v_left);
    v_left := v_left - v_count;
    v_gone := v_gone || jsonb_build_object(t.name, v_count);
  END LOOP;
  IF v_left > 0 THEN  -- this row is deleted last, because its lock holds other transactions off
    DELETE FROM user_interest_signals s WHERE s.user_id = v_viewer;
    v_gone := v_gone || jsonb_build_object('user_interest_signals', v_had::integer);
  END IF;
  RETURN QUERY SELECT v_gone, v_left > 0 AND NOT vroom_private.is_kept(v_viewer, everything);
END
$$;

-- Delete the pages of sessions whose items are no longer in the session cache, and return how many were deleted.
CREATE OR REPLACE FUNCTION public.forget_sessions(viewer uuid, sessions uuid[]) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_count integer;
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  DELETE FROM feed_pages f WHERE f.user_id = viewer AND f.session_id = ANY (sessions);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$$;

DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'public.viewer_data(uuid, bigint)',
    'public.erase_viewer(uuid, boolean, integer)',
    'public.forget_sessions(uuid, uuid[])'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, 'vroom_app');
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION vroom_private.erase_names(uuid, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.erase_creator(uuid, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.order_erasure(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.is_kept(uuid, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.give_reports_back(uuid, integer) FROM PUBLIC;

COMMIT;
