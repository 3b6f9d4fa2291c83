BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- How impressions are recorded.

-- Records a batch of impressions: rows are {event_id, post_id, source, position, visible_ms, seen_at}.
-- Answers one row each, by index: accepted, duplicate (the event was recorded before) or unknown_post.
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
    SELECT (g.ord - 1)::integer AS index, r.*, k.known,
           row_number() OVER (PARTITION BY r.event_id, k.known ORDER BY g.ord) AS nth
    FROM jsonb_array_elements(batch) WITH ORDINALITY AS g(item, ord)
    CROSS JOIN LATERAL jsonb_to_record(g.item) AS r(
      event_id uuid, post_id uuid, source text, score double precision, position smallint,
      visible_ms integer, seen_at timestamptz)
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM posts p WHERE p.id = r.post_id) AS known) k
  ),
  inserted AS (
    INSERT INTO user_post_impressions (
      user_id, event_id, post_id, seen_at, source, score, session_id, position, visible_ms, variant)
    SELECT v_viewer, g.event_id, g.post_id, coalesce(g.seen_at, now()), coalesce(g.source, 'unknown'),
           g.score, v_session, g.position, g.visible_ms, v_variant
    FROM given g
    WHERE g.known AND g.nth = 1
    ORDER BY g.event_id  -- one order of locks, whatever the order of the batch
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

-- One impression by named parameters. The event id is made of the parameters, so that a repeated call
-- records nothing twice. True where it was recorded now.
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
SELECT vroom_private.open_only_to('public.record_impression(uuid, uuid, text, double precision, uuid, timestamptz)', 'vroom_app');

COMMIT;
