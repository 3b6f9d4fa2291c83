BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose what viewers on such a device watch at such a time of day, for a viewer of whom little is known: one with
-- fewer than 20 watches who likes fewer than three tags.
--
-- context is the device and daypart of the request, as 'phone/evening'. null stands for those of the viewer's last
-- page. A cohort without a known context or without a tag is null and finds nothing.
CREATE OR REPLACE FUNCTION vroom_private.walk_cohorts(search vroom_private.search, walk integer, context text)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_context text := coalesce(
    context, (SELECT v.device || '/' || v.daypart FROM viewer_context v WHERE v.user_id = search.viewer));
BEGIN
  IF search.samples >= 20 OR cardinality(search.liked_tags) >= 3 THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT n.post_id, 'cohort'::text, NULL::text, n.place
  FROM unnest(ARRAY[v_context || '/' || search.liked_tags[1], v_context || '/']) AS own(cohort)
  CROSS JOIN LATERAL (
    SELECT c.post_id, row_number() OVER (ORDER BY c.score DESC, c.post_id) AS place
    FROM cohort_posts c WHERE c.cohort = own.cohort
    ORDER BY c.score DESC, c.post_id LIMIT walk / 16
  ) n;
END
$$;

COMMIT;
