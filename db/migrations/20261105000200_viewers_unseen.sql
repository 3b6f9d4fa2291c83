BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file decides what counts as unseen. Only may_show (by is_hidden and is_refused) and was_seen decide this.
-- keep_unseen asks both. A walk that passes over seen posts before it proposes any asks was_seen.
--
-- They are functions in SQL with a single SELECT and no settings of their own, so that the planner inlines them
-- into the statement that calls them. A call for each post would cost more than the probe. For the same reason
-- they return rows, and the names in them are qualified.

-- Return `hidden` for a creator whom the viewer has hidden. `hidden` lists these, and is null where they are too many.
CREATE OR REPLACE FUNCTION vroom_private.is_hidden(viewer uuid, hidden uuid[], creator_id uuid)
RETURNS TABLE (reason text)
LANGUAGE sql STABLE ROWS 1
AS $$
  SELECT CASE WHEN CASE
    WHEN hidden IS NOT NULL THEN creator_id IN (SELECT pg_catalog.unnest(hidden))
    -- LIMIT makes this a probe of the index.
    ELSE (
      SELECT true FROM public.feedback f
      WHERE f.user_id = viewer AND f.action = 'hide_creator' AND f.target = is_hidden.creator_id
        AND f.undone_at IS NULL
      LIMIT 1
    ) END THEN 'hidden' END
$$;

-- Return `not_interested` for a post that the viewer wants no more of or has reported. `refused` lists these, and is
-- null where they are too many. A probe for each action finds a row by the whole key.
CREATE OR REPLACE FUNCTION vroom_private.is_refused(viewer uuid, refused uuid[], post_id uuid)
RETURNS TABLE (reason text)
LANGUAGE sql STABLE ROWS 1
AS $$
  SELECT CASE WHEN CASE
    WHEN refused IS NOT NULL THEN post_id IN (SELECT pg_catalog.unnest(refused))
    ELSE coalesce((
      SELECT true FROM public.feedback f
      WHERE f.user_id = viewer AND f.action = 'not_interested' AND f.target = is_refused.post_id
        AND f.undone_at IS NULL
      LIMIT 1
    ), (
      SELECT true FROM public.feedback f
      WHERE f.user_id = viewer AND f.action = 'report' AND f.target = is_refused.post_id
        AND f.undone_at IS NULL
      LIMIT 1
    )) END THEN 'not_interested' END
$$;

-- Return why this viewer may not be shown a post at all: `ineligible`, `own`, `hidden` or `not_interested`. Return
-- null where the viewer may be shown it. creator_id is null where the post is not eligible. hidden and refused are
-- the viewer's.
CREATE OR REPLACE FUNCTION vroom_private.may_show(
  viewer uuid, hidden uuid[], refused uuid[], post_id uuid, creator_id uuid
) RETURNS TABLE (reason text)
LANGUAGE sql STABLE ROWS 1
AS $$
  SELECT CASE
    WHEN creator_id IS NULL THEN 'ineligible'
    WHEN creator_id = viewer THEN 'own'
    ELSE coalesce(
      (SELECT h.reason FROM vroom_private.is_hidden(viewer, hidden, creator_id) AS h),
      (SELECT r.reason FROM vroom_private.is_refused(viewer, refused, post_id) AS r))
  END
$$;

-- Return `served` for a post that the session was served, `seen` for a post of which the viewer has an impression
-- after the cutoff, and null for all others.
CREATE OR REPLACE FUNCTION vroom_private.was_seen(
  viewer uuid, cutoff timestamptz, served jsonb, post_id uuid
) RETURNS TABLE (reason text)
LANGUAGE sql STABLE ROWS 1
AS $$
  SELECT CASE
    WHEN pg_catalog.jsonb_exists(served, post_id::pg_catalog.text) THEN 'served'
    -- LIMIT makes this a probe of the index. Without it the planner may read the viewer's whole history.
    WHEN (
      SELECT true FROM public.viewer_last_seen i
      WHERE i.user_id = viewer AND i.post_id = was_seen.post_id AND i.seen_at > cutoff
      LIMIT 1
    ) THEN 'seen'
  END
$$;

-- Keep those of the proposed posts (each at most once) that are unseen, in the given order, at most max_rows of
-- them. The others are filtered, each for the first reason that holds. Posts for which the walk itself names a
-- reason are noted as passed over. Posts after the last one kept are not looked at, and neither are posts that
-- earlier calls have kept or filtered. No other function adds to what a search has found.
CREATE OR REPLACE FUNCTION vroom_private.keep_unseen(
  INOUT search vroom_private.search, proposed vroom_private.proposed_post[], max_rows integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_kept        vroom_private.found_post[];
  v_filtered    vroom_private.filtered_post[];
  v_passed_over vroom_private.filtered_post[];
BEGIN
  WITH looked AS MATERIALIZED (
    SELECT counted.*
    FROM (
      SELECT judged.*,
             count(*) FILTER (WHERE judged.reason IS NULL)
               OVER (ORDER BY judged.place ROWS UNBOUNDED PRECEDING) AS unseen
      FROM (
        SELECT given.post_id, given.source, given.place, given.reason IS NOT NULL AS passed_over,
               s.creator_id, s.published_at, coalesce(given.reason, allowed.reason, seen.reason) AS reason
        FROM unnest(proposed) WITH ORDINALITY AS given(post_id, source, reason, list_place, place)
        LEFT JOIN LATERAL (
          SELECT p.creator_id, p.published_at FROM post_stats p
          WHERE p.post_id = given.post_id AND vroom_private.is_eligible(p.eligible, p.waits_until)
            AND given.reason IS NULL LIMIT 1
        ) s ON true
        CROSS JOIN LATERAL vroom_private.may_show(
          search.viewer, search.hidden, search.refused, given.post_id, s.creator_id) AS allowed
        CROSS JOIN LATERAL vroom_private.was_seen(
          search.viewer, search.cutoff, search.served, given.post_id) AS seen
        WHERE given.post_id NOT IN (SELECT k.post_id FROM unnest(search.kept) AS k)
          AND given.post_id NOT IN (SELECT f.post_id FROM unnest(search.filtered) AS f)
        ORDER BY given.place OFFSET 0  -- no other order is sorted, and each reason is computed once
      ) judged
    ) counted
    WHERE counted.unseen <= max_rows  -- the window stops here, so that no further post is looked at
  )
  SELECT array_agg((l.post_id, l.creator_id, l.published_at, l.source)::vroom_private.found_post ORDER BY l.place)
           FILTER (WHERE l.reason IS NULL),
         array_agg((l.post_id, l.reason)::vroom_private.filtered_post ORDER BY l.place)
           FILTER (WHERE l.reason IS NOT NULL AND NOT l.passed_over),
         array_agg((l.post_id, l.reason)::vroom_private.filtered_post ORDER BY l.place)
           FILTER (WHERE l.passed_over)
  INTO v_kept, v_filtered, v_passed_over
  FROM looked l;
  search.kept := search.kept || v_kept;
  search.filtered := search.filtered || v_filtered;
  search.passed_over := search.passed_over || v_passed_over;
END
$$;

COMMIT;
