BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- The functions in this file tell when a session's next queue is to be ranked ahead of the request for it.

-- Return how far the viewer is through the last page that a session was served. There is no row before half of that
-- page is seen, so that most batches cost no more than the probes.
--
-- session  the session; null takes that of the viewer's latest impression of `post`. Watches name no session, and
--          the same post may stand in the sessions of two devices: the impression says on which of them it was seen
-- post     a post that was watched
--
-- The batch that asks this is committed in the same transaction. Therefore a fault here must not end it, and nothing
-- here waits for a lock.
CREATE OR REPLACE FUNCTION public.session_pace(viewer uuid, session uuid, post uuid)
RETURNS TABLE (session_id uuid, page_no integer, posts integer, seen integer, described jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '20ms'
AS $$
#variable_conflict use_column
DECLARE
  v_viewer  uuid := viewer;
  v_session uuid := session;
  v_page    feed_pages;
  v_seen    integer;
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  BEGIN
    IF v_session IS NULL THEN
      SELECT i.session_id INTO v_session
      FROM user_post_impressions i
      WHERE i.user_id = v_viewer AND i.post_id = post
      ORDER BY i.seen_at DESC
      LIMIT 1;
    END IF;
    SELECT f.* INTO v_page
    FROM feed_pages f
    WHERE f.user_id = v_viewer AND f.session_id = v_session
    ORDER BY f.page_no DESC
    LIMIT 1;
    SELECT count(*) INTO v_seen
    FROM unnest(v_page.post_ids) AS p(id)
    WHERE (
      SELECT true FROM user_post_impressions i
      WHERE i.user_id = v_viewer AND i.post_id = p.id AND i.session_id = v_session
      LIMIT 1
    );
    IF v_seen > 0 AND 2 * v_seen >= cardinality(v_page.post_ids) THEN
      RETURN QUERY SELECT v_session, v_page.page_no, cardinality(v_page.post_ids), v_seen,
        jsonb_build_object(
          'page_size', v_page.entries -> 'page_size', 'next', v_page.entries -> 'next',
          'pace', v_page.entries -> 'pace',
          'watches', coalesce((SELECT u.samples FROM user_interest_signals u WHERE u.user_id = v_viewer), 0));
    END IF;
  EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'the pace of a session is not known: %', SQLERRM;
  END;
END
$$;

-- Claim the right to rank the queue that page `page` of a session will begin with, and return whether it was free. The
-- viewer's last four claims are known, so that the sessions of several devices do not take each other's.
--
-- A claim that a crash loses costs a ranking and nothing else. So nobody waits for the disk here.
CREATE OR REPLACE FUNCTION public.claim_queue(viewer uuid, session uuid, page integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_claim uuid := md5(session::text || '/' || page)::uuid;
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  IF EXISTS (
    SELECT FROM feed_pages f
    WHERE f.user_id = viewer AND f.session_id = session AND f.page_no = page
  ) THEN
    RETURN false;
  END IF;
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE viewer_context c
  SET prepared = (v_claim || c.prepared)[1:4]
  WHERE c.user_id = viewer AND NOT v_claim = ANY (c.prepared);
  RETURN FOUND;
END
$$;

-- Return what clients are shown of the posts of a prepared queue, as posts_as_cached does, for the session cache. A
-- post that the viewer may not be shown looks as if it were gone. There is no row where the page is written already.
CREATE OR REPLACE FUNCTION public.prepared_content(viewer uuid, session uuid, page integer, ids uuid[])
RETURNS TABLE (content_columns text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_shown uuid[];
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  IF EXISTS (
    SELECT FROM feed_pages f
    WHERE f.user_id = viewer AND f.session_id = session AND f.page_no = page
  ) THEN
    RETURN;
  END IF;
  v_shown := vroom_private.still_eligible(viewer, ids);
  RETURN QUERY SELECT vroom_private.posts_as_cached(ARRAY(
    SELECT CASE WHEN g.id = ANY (v_shown) THEN g.id END
    FROM unnest(ids) WITH ORDINALITY AS g(id, ord)
    ORDER BY g.ord));
END
$$;

SELECT vroom_private.open_only_to('public.session_pace(uuid, uuid, uuid)', 'vroom_app');
SELECT vroom_private.open_only_to('public.claim_queue(uuid, uuid, integer)', 'vroom_app');
SELECT vroom_private.open_only_to('public.prepared_content(uuid, uuid, integer, uuid[])', 'vroom_app');

COMMIT;
