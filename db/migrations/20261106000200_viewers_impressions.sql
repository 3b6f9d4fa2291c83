BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- The functions in this file record impressions.

-- Return when the viewer was served the posts of a session's last 50 pages. There is one row for each post, with
-- the time of its first page.
CREATE OR REPLACE FUNCTION vroom_private.served_times(viewer uuid, session uuid)
RETURNS TABLE (post_id uuid, served_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN QUERY
  SELECT p.post_id, min(f.created_at)
  FROM (
    SELECT g.post_ids, g.created_at FROM feed_pages g
    WHERE g.user_id = viewer AND g.session_id = session
    ORDER BY g.page_no DESC LIMIT 50
  ) f
  CROSS JOIN LATERAL unnest(f.post_ids) AS p(post_id)
  GROUP BY p.post_id;
END
$$;

-- Return the rows of a batch with the times at which their posts can have been seen. A device with a wrong clock
-- loses nothing. Nobody saw a post after now or before its page was served, and a time that is older than any page
-- that is kept counts as now. An operator comes without claims and may record impressions from long ago.
CREATE OR REPLACE FUNCTION vroom_private.dated_impressions(viewer uuid, session uuid, batch jsonb)
RETURNS TABLE (
  index integer, event_id uuid, post_id uuid, source text, score double precision, "position" smallint,
  visible_ms integer, seen_at timestamptz
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN QUERY
  SELECT (g.ord - 1)::integer, r.event_id, r.post_id, r.source, r.score, r.position, r.visible_ms,
         CASE
           WHEN coalesce(r.seen_at, now()) >= now() THEN now()
           -- the time of a clock that is only a little slow is kept
           WHEN r.seen_at > now() - interval '5 minutes' OR auth.uid() IS NULL THEN r.seen_at
           WHEN s.served_at IS NOT NULL THEN greatest(r.seen_at, s.served_at)
           WHEN r.seen_at > now() - f.keep_pages THEN r.seen_at
           ELSE now()
         END
  FROM feed_settings f
  CROSS JOIN jsonb_array_elements(batch) WITH ORDINALITY AS g(item, ord)
  CROSS JOIN LATERAL jsonb_to_record(g.item) AS r(
    event_id uuid, post_id uuid, source text, score double precision, position smallint,
    visible_ms integer, seen_at timestamptz)
  LEFT JOIN vroom_private.served_times(viewer, session) AS s ON s.post_id = r.post_id;
END
$$;

-- Record a batch of impressions, and return one row for each of them, by index. The batch holds rows of the form
-- {event_id, post_id, source, position, visible_ms, seen_at}. The outcomes are accepted, duplicate (the event was
-- recorded before) and unknown_post.
CREATE OR REPLACE FUNCTION public.record_impressions(viewer uuid, session uuid, batch jsonb)
RETURNS TABLE (index integer, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer  uuid := viewer;
  v_session uuid := session;
  v_variant text;
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  SELECT f.variant INTO v_variant
  FROM feed_pages f
  WHERE f.user_id = v_viewer AND f.session_id = v_session
  ORDER BY f.page_no DESC
  LIMIT 1;
  RETURN QUERY
  WITH given AS MATERIALIZED (
    SELECT r.*, k.known, row_number() OVER (PARTITION BY r.event_id, k.known ORDER BY r.index) AS nth
    FROM vroom_private.dated_impressions(v_viewer, v_session, batch) AS r
    -- LIMIT makes this a probe of the key. For EXISTS the planner could build a hash of all posts.
    CROSS JOIN LATERAL (
      SELECT (SELECT true FROM posts p WHERE p.id = r.post_id LIMIT 1) IS NOT NULL AS known
    ) k
  ),
  inserted AS (
    INSERT INTO user_post_impressions (
      user_id, event_id, post_id, seen_at, source, score, session_id, position, visible_ms, variant)
    SELECT v_viewer, g.event_id, g.post_id, g.seen_at, coalesce(g.source, 'unknown'),
           g.score, v_session, g.position, g.visible_ms, v_variant
    FROM given g
    WHERE g.known AND g.nth = 1
    ORDER BY g.event_id  -- all batches take their locks in this order
    ON CONFLICT (user_id, event_id) DO NOTHING
    RETURNING event_id
  )
  SELECT g.index,
         CASE WHEN NOT g.known THEN 'unknown_post'
              WHEN g.nth = 1 AND i.event_id IS NOT NULL THEN 'accepted'
              ELSE 'duplicate' END
  FROM given g
  LEFT JOIN inserted i ON i.event_id = g.event_id
  ORDER BY g.index;
END
$$;

-- Record one impression, given by named parameters, and return whether it was recorded by this call. The event id
-- is computed from the parameters, so that a repeated call records nothing twice.
CREATE OR REPLACE FUNCTION public.record_impression(
  user_id uuid, post_id uuid, source text DEFAULT 'unknown', score double precision DEFAULT NULL,
  session_id uuid DEFAULT NULL, visible_at timestamptz DEFAULT now()
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  result text;
BEGIN
  SELECT r.outcome INTO result
  FROM record_impressions(
    record_impression.user_id,
    record_impression.session_id,
    jsonb_build_array(jsonb_build_object(
      'event_id', md5(concat_ws('/', record_impression.user_id, record_impression.post_id,
                                record_impression.session_id, extract(epoch FROM record_impression.visible_at)))::uuid,
      'post_id', record_impression.post_id, 'source', record_impression.source,
      'score', record_impression.score, 'seen_at', record_impression.visible_at))
  ) r;
  IF result = 'unknown_post' THEN
    RAISE EXCEPTION 'no post has this id' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN result = 'accepted';
END
$$;

SELECT vroom_private.open_only_to('public.record_impressions(uuid, uuid, jsonb)', 'vroom_app');
SELECT vroom_private.open_only_to(
  'public.record_impression(uuid, uuid, text, double precision, uuid, timestamptz)', 'vroom_app');
REVOKE ALL ON FUNCTION vroom_private.served_times(uuid, uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.dated_impressions(uuid, uuid, jsonb) FROM PUBLIC;

COMMIT;
