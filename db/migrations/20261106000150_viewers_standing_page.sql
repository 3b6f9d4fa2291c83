BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- The functions in this file answer with a page that stands.

-- Return a page as it stands, as commit_page answers it (status `existing`), and log the request where no post of
-- the page is withdrawn. There is no row where the page does not stand.
CREATE OR REPLACE FUNCTION vroom_private.existing_page(viewer uuid, session uuid, page integer, request jsonb)
RETURNS TABLE (
  status text, version integer, entries jsonb, withdrawn uuid[], no_longer_unseen uuid[], posts jsonb,
  content_columns text, eligible integer
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_stored    feed_pages;
  v_withdrawn uuid[];
BEGIN
  SELECT f.* INTO v_stored
  FROM feed_pages f
  WHERE f.user_id = viewer AND f.session_id = session AND f.page_no = page;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_withdrawn := vroom_private.no_longer_eligible(viewer, v_stored.post_ids);
  IF cardinality(v_withdrawn) = 0 THEN
    PERFORM vroom_private.log_request(viewer, session, page, request);
  END IF;
  RETURN QUERY SELECT 'existing', v_stored.version,
    v_stored.entries || jsonb_build_object('post_ids', v_stored.post_ids), v_withdrawn, '{}'::uuid[],
    vroom_private.posts_as_shown(ARRAY(SELECT unnest(v_stored.post_ids) EXCEPT SELECT unnest(v_withdrawn))), NULL,
    vroom_private.eligible_where_short(viewer, v_stored.entries, v_stored.post_ids);
END
$$;

-- Return page `page` of a session as commit_page answers a page that stands, or no row where it does not stand. A
-- caller that would have to rank a queue for the page asks this in the same round trip.
--
-- request  what is known of the feed_requests row. What the page says of itself is added.
CREATE OR REPLACE FUNCTION public.standing_page(viewer uuid, session uuid, page integer, request jsonb)
RETURNS TABLE (
  status text, version integer, entries jsonb, withdrawn uuid[], no_longer_unseen uuid[], posts jsonb,
  content_columns text, eligible integer
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_page jsonb;
BEGIN
  PERFORM vroom_private.assert_viewer(viewer);
  SELECT jsonb_build_object(
           'stale_cursor', f.entries -> 'queue_expired',
           'variant', f.variant,
           'degraded', coalesce(request ->> 'degraded', f.entries ->> 'degraded'),
           'sources', (
             SELECT jsonb_object_agg(s.rung, s.posts)
             FROM (
               SELECT p.post ->> 2 AS rung, count(*) AS posts
               FROM jsonb_array_elements(f.entries -> 'posts') AS p(post) GROUP BY 1
             ) s
           ))
  INTO v_page
  FROM feed_pages f
  WHERE f.user_id = viewer AND f.session_id = session AND f.page_no = page;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM vroom_private.existing_page(viewer, session, page, request || v_page);
END
$$;

SELECT vroom_private.open_only_to('public.standing_page(uuid, uuid, integer, jsonb)', 'vroom_app');

COMMIT;
