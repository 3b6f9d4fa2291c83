BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file takes in what viewers ask for: fewer posts like this one, nothing by a creator, or a review of a post.
-- Each can be undone.
--
-- A feedback is one row of `feedback` and is in force from the commit on. Retrieval, commit_page and the queues of
-- every session read it from there. The same transaction changes the other tables (affinities, the roll-up's
-- queue). It does so once, however often the feedback is sent.

-- Lower a viewer's affinities to a creator and to tags, by 1.5 for the creator and 1.5 for the tags together, but
-- not below their lower bound. Return what was taken as {at, creator, tags: {tag: amount}}. The caller holds
-- lock_viewer.
CREATE OR REPLACE FUNCTION vroom_private.lower_affinity(viewer uuid, creator uuid, tags text[], at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_tags    text[] := vroom_private.taste_tags(tags);
  v_taken   double precision[];
  v_creator double precision := 1.5;
BEGIN
  -- No affinity is lower than -5. What was not taken for this reason is not given back either.
  SELECT least(v_creator, greatest(0, 5 + coalesce(vroom_private.affinity_at(a.value, a.at, lower_affinity.at), 0)))
  INTO v_creator
  FROM (SELECT) one
  LEFT JOIN viewer_creator_affinity a ON a.user_id = viewer AND a.creator_id = creator;
  v_taken := ARRAY(
    SELECT least(1.5 / greatest(1, cardinality(v_tags)),
                 greatest(0, 5 + coalesce(vroom_private.affinity_at(a.value, a.at, lower_affinity.at), 0)))
    FROM unnest(v_tags) WITH ORDINALITY AS t(tag, ord)
    LEFT JOIN viewer_tag_affinity a ON a.user_id = viewer AND a.tag = t.tag
    ORDER BY t.ord
  );
  PERFORM vroom_private.add_creator_affinity(viewer, ARRAY[creator], ARRAY[-v_creator], lower_affinity.at);
  PERFORM vroom_private.add_tag_affinity(viewer, v_tags, ARRAY(
    SELECT -g.amount FROM unnest(v_taken) WITH ORDINALITY AS g(amount, ord) ORDER BY g.ord
  ), lower_affinity.at);
  RETURN jsonb_build_object(
    'at', to_char(lower_affinity.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'creator', v_creator,
    'tags', (SELECT coalesce(jsonb_object_agg(g.tag, g.amount), '{}') FROM unnest(v_tags, v_taken) AS g(tag, amount)));
END
$$;

-- Give back what lower_affinity took, decayed as the affinities are. An affinity that was deleted meanwhile is not
-- made again. The caller holds lock_viewer.
CREATE OR REPLACE FUNCTION vroom_private.restore_affinity(viewer uuid, creator uuid, taken jsonb, at timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_since timestamptz := (taken ->> 'at')::timestamptz;
BEGIN
  PERFORM vroom_private.add_creator_affinity(
    viewer, ARRAY[creator],
    ARRAY[vroom_private.affinity_at((taken ->> 'creator')::double precision, v_since, restore_affinity.at)],
    restore_affinity.at)
  FROM viewer_creator_affinity a
  WHERE a.user_id = viewer AND a.creator_id = creator AND v_since IS NOT NULL;
  PERFORM vroom_private.add_tag_affinity(viewer, given_back.tags, given_back.amounts, restore_affinity.at)
  FROM (
    SELECT array_agg(t.tag) AS tags,
           array_agg(vroom_private.affinity_at(t.amount::double precision, v_since, restore_affinity.at)) AS amounts
    FROM jsonb_each_text(taken -> 'tags') AS t(tag, amount)
    JOIN viewer_tag_affinity a ON a.user_id = viewer AND a.tag = t.tag
  ) given_back
  WHERE given_back.tags IS NOT NULL;
END
$$;

-- Return whether a viewer's report counts towards taking a post off the feed. Only a viewer who has seen a post
-- can judge it. A report of a creator as a whole (post is null) takes no post off the feed.
CREATE OR REPLACE FUNCTION vroom_private.may_report(viewer uuid, post uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN vroom_private.counts_for_others(viewer) AND (
    post IS NULL
    OR (SELECT true FROM viewer_last_seen s WHERE s.user_id = viewer AND s.post_id = post LIMIT 1) IS NOT NULL);
END
$$;

-- Raise an error if the arguments do not describe a feedback.
CREATE OR REPLACE FUNCTION vroom_private.assert_feedback(action text, post uuid, creator uuid, undo boolean)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF action IS NULL OR action NOT IN ('not_interested', 'hide_creator', 'report') OR undo IS NULL
     OR (post IS NULL) = (creator IS NULL) OR action = 'not_interested' AND post IS NULL THEN
    RAISE EXCEPTION 'no such feedback' USING ERRCODE = 'invalid_parameter_value';
  END IF;
END
$$;

-- Find what a feedback is about: the creator, the post's tags or terms, the target's id in `feedback`, and whether the
-- post or the creator is known. A feedback on a post that no longer exists can still be taken back, so its creator is
-- then read from the feedback itself.
CREATE OR REPLACE FUNCTION vroom_private.subject_of(
  viewer uuid, action text, post uuid, INOUT creator uuid, OUT tags text[], OUT target uuid, OUT known boolean
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF post IS NOT NULL THEN
    SELECT p.creator_id, vroom_private.taste_words(p.id, p.tags) INTO creator, tags FROM posts p WHERE p.id = post;
    known := FOUND;
    IF NOT known THEN
      SELECT f.creator_id INTO creator FROM feedback f
      WHERE f.user_id = viewer AND f.action = subject_of.action AND f.post_id = post LIMIT 1;
    END IF;
  ELSE
    known := EXISTS (SELECT FROM posts p WHERE p.creator_id = creator)
      OR EXISTS (SELECT FROM creator_quality q WHERE q.creator_id = creator);
  END IF;
  target := CASE action WHEN 'hide_creator' THEN creator ELSE coalesce(post, creator) END;
END
$$;

-- Count a report that was given, or take a counted report off the figures when it is undone. A report counts once
-- for each viewer and post. It no longer counts once somebody has reviewed the post.
CREATE OR REPLACE FUNCTION vroom_private.count_report(report public.feedback, creator uuid, undo boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  -- review_post waits for this lock, and the roll-up does not. A verdict therefore finds in the queue every report that
  -- was counted without knowing of it. A cell has only copies of figures, and drop_late_reports knows of its reports.
  IF vroom_private.server_kind() = 'both' THEN
    PERFORM FROM post_stats s WHERE s.post_id = report.post_id FOR KEY SHARE;
  END IF;
  IF (CASE WHEN undo THEN report.counted ELSE vroom_private.may_report(report.user_id, report.post_id) END)
     AND NOT EXISTS (
       SELECT FROM post_reviews r WHERE r.post_id = report.post_id AND r.counted_from > report.created_at) THEN
    UPDATE feedback f SET counted = NOT undo WHERE f.user_id = report.user_id AND f.id = report.id;
    INSERT INTO engagement_queue (post_id, creator_id, reports)
    VALUES (report.post_id, creator, CASE WHEN undo THEN -1 ELSE 1 END);
  END IF;
END
$$;

-- Give a feedback, or take it back. Either `post` or `creator` names what it is about. To hide the creator of a
-- post, the caller names the post.
--
-- outcome `given`      the feedback is in force now
--         `undone`     the feedback is no longer in force
--         `unchanged`  the feedback was in this state before
--         `unknown`    there is no such post or creator
-- revision             the revision of the viewer's feedback, with this one included
CREATE OR REPLACE FUNCTION public.give_feedback(viewer uuid, action text, post uuid, creator uuid, undo boolean)
RETURNS TABLE (outcome text, about_creator uuid, revision bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer  uuid := viewer;
  v_action  text := action;
  v_post    uuid := post;
  v_creator uuid := creator;
  v_target  uuid;
  v_tags    text[];
  v_known   boolean;
  v_row     feedback;
  v_now     timestamptz;
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  PERFORM vroom_private.assert_feedback(v_action, v_post, v_creator, undo);
  SELECT s.creator, s.tags, s.target, s.known INTO v_creator, v_tags, v_target, v_known
  FROM vroom_private.subject_of(v_viewer, v_action, v_post, v_creator) AS s;
  IF NOT v_known AND NOT (undo AND EXISTS (
    SELECT FROM feedback f WHERE f.user_id = v_viewer AND f.action = v_action AND f.target = v_target
  )) THEN
    RETURN QUERY SELECT 'unknown', NULL::uuid, 0::bigint;
    RETURN;
  END IF;

  PERFORM vroom_private.lock_viewer(v_viewer);
  v_now := clock_timestamp();  -- it is read under the lock, so that it lies after every earlier change
  SELECT * INTO v_row FROM feedback f
  WHERE f.user_id = v_viewer AND f.action = v_action AND f.target = v_target;
  IF undo = (v_row.id IS NULL OR v_row.undone_at IS NOT NULL) THEN
    RETURN QUERY SELECT 'unchanged', v_creator, vroom_private.feedback_revision(v_viewer);
    RETURN;
  END IF;

  IF undo THEN
    UPDATE feedback f SET undone_at = v_now, taken = '{}', revision = DEFAULT
    WHERE f.user_id = v_viewer AND f.id = v_row.id;
    PERFORM vroom_private.restore_affinity(v_viewer, v_creator, v_row.taken, v_now);
  ELSE
    INSERT INTO feedback AS f (user_id, action, post_id, creator_id, created_at)
    VALUES (v_viewer, v_action, v_post, v_creator, v_now)
    ON CONFLICT (user_id, action, target) DO UPDATE SET undone_at = NULL, revision = DEFAULT
    RETURNING * INTO v_row;
    IF v_action = 'not_interested' AND v_creator <> v_viewer THEN
      UPDATE feedback f SET taken = vroom_private.lower_affinity(v_viewer, v_creator, v_tags, v_now)
      WHERE f.user_id = v_viewer AND f.id = v_row.id;
    END IF;
  END IF;

  IF v_action = 'report' AND v_known AND v_creator <> v_viewer THEN
    PERFORM vroom_private.count_report(v_row, v_creator, undo);
  END IF;
  RETURN QUERY SELECT CASE WHEN undo THEN 'undone' ELSE 'given' END, v_creator,
                      vroom_private.feedback_revision(v_viewer);
END
$$;

SELECT vroom_private.open_only_to('public.give_feedback(uuid, text, uuid, uuid, boolean)', 'vroom_app');
REVOKE ALL ON FUNCTION vroom_private.lower_affinity(uuid, uuid, text[], timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.may_report(uuid, uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.restore_affinity(uuid, uuid, jsonb, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.assert_feedback(text, uuid, uuid, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.subject_of(uuid, text, uuid, uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION vroom_private.count_report(public.feedback, uuid, boolean) FROM PUBLIC;

COMMIT;
