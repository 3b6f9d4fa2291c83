BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Retrieval begins in this file. It keeps what one search knows of the viewer, and what the search has found so
-- far.
--
-- The files 20261105* are the only definition of what a viewer may be shown next. feed_candidates calls them in
-- the order of their names: it begins a search, lets the walks propose posts, and keeps the unseen ones. The work
-- is bounded, however large the catalogue and the history are. A walk over an ordered index looks at a fixed
-- number of rows. The walks cannot decide whether any unseen post is left. The blocks of bits decide this exactly,
-- with 1,024 posts in a row.

DO $$
BEGIN
  IF to_regtype('vroom_private.proposed_post') IS NULL THEN
    -- A post that a walk proposes. `source` is the walk's name. `reason` is null, or says why the walk itself
    -- passed the post over. `place` counts from 1 in the list from which the post comes (the list of one tag, for
    -- example), where walks take turns by it.
    CREATE TYPE vroom_private.proposed_post AS (post_id uuid, source text, reason text, place bigint);
    -- An unseen post that was found.
    CREATE TYPE vroom_private.found_post AS (
      post_id uuid, creator_id uuid, published_at timestamptz, source text
    );
    -- A post that was looked at and may not be shown as unseen, and the first reason that holds.
    CREATE TYPE vroom_private.filtered_post AS (post_id uuid, reason text);
    -- A post that the session was served, and its last place: page number * 64 + position.
    CREATE TYPE vroom_private.served_post AS (post_id uuid, place integer);
    CREATE TYPE vroom_private.search AS (
      viewer         uuid,
      samples        bigint,       -- how many watches the viewer's taste is learnt from
      cutoff         timestamptz,  -- an impression after it is in cooldown
      fresh_from     timestamptz,  -- a post published after it is fresh
      hidden         uuid[],       -- creators whom the viewer has hidden; null: too many to list
      refused        uuid[],       -- posts that the viewer wants no more of, or has reported; null: too many
      served         jsonb,        -- what the session was served: the place by post
      served_last    uuid[],       -- the last 600 posts of it
      creator_taste  jsonb,        -- affinity by creator, decayed; null where none is known
      tag_taste      jsonb,        -- affinity by tag, decayed; null where none is known
      liked_creators uuid[],       -- the ten creators that the viewer likes most
      liked_tags     text[],       -- the 24 tags that the viewer likes most
      next_posts     uuid[],       -- what others watched after the viewer's last posts, the likeliest first
      next_likely    double precision[],  -- how likely each of them is
      kept           vroom_private.found_post[],
      filtered       vroom_private.filtered_post[],
      passed_over    vroom_private.filtered_post[],  -- what walks passed over before they proposed anything
      complete       boolean       -- no other unseen post exists than those kept
    );
  END IF;
END $$;

-- Return what the session was served, each post once with its last place. The session cache may know of pages that
-- Postgres does not know of. served_ids and served_order add them.
CREATE OR REPLACE FUNCTION vroom_private.served_posts(
  viewer uuid, session uuid, served_ids uuid[], served_order integer[]
) RETURNS vroom_private.served_post[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(last.served), '{}')
    FROM (
      SELECT (places.post_id, max(places.place))::vroom_private.served_post AS served
      FROM (
        SELECT p.post_id, f.page_no * 64 + p.position::integer AS place
        FROM feed_pages f, unnest(f.post_ids) WITH ORDINALITY AS p(post_id, position)
        WHERE f.user_id = viewer AND f.session_id = session
        UNION ALL
        SELECT unnest(f.withdrawn_ids), f.page_no * 64
        FROM feed_pages f
        WHERE f.user_id = viewer AND f.session_id = session AND cardinality(f.withdrawn_ids) > 0
        UNION ALL
        SELECT c.post_id, c.place FROM unnest(served_ids, served_order) AS c(post_id, place)
      ) places
      GROUP BY places.post_id
    ) last
  );
END
$$;

-- Add the viewer's taste as of `at` to a search.
CREATE OR REPLACE FUNCTION vroom_private.read_taste(INOUT search vroom_private.search, at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  SELECT jsonb_object_agg(a.creator_id, a.value),
         (array_agg(a.creator_id ORDER BY a.value DESC, a.creator_id) FILTER (WHERE a.value > 0))[1:10]
  INTO search.creator_taste, search.liked_creators
  FROM (
    SELECT c.creator_id, vroom_private.affinity_at(c.value, c.at, read_taste.at) AS value
    FROM viewer_creator_affinity c WHERE c.user_id = search.viewer
    OFFSET 0  -- each value is decayed once
  ) a;

  SELECT jsonb_object_agg(a.tag, a.value),
         (array_agg(a.tag ORDER BY a.value DESC, a.tag) FILTER (WHERE a.value > 0))[1:24]
  INTO search.tag_taste, search.liked_tags
  FROM (
    SELECT t.tag, vroom_private.affinity_at(t.value, t.at, read_taste.at) AS value
    FROM viewer_tag_affinity t WHERE t.user_id = search.viewer
    OFFSET 0
  ) a;
END
$$;

-- Return the targets of a viewer's feedback of one kind that are in force, or null where the viewer has more than
-- 400 rows of it. A short list costs less than a lookup for each post. A long one would cost more, and would grow.
-- Without bitmaps and sorts, the planner can only read the first rows of feedback_once. Where it expected few rows,
-- it read them all and sorted them.
CREATE OR REPLACE FUNCTION vroom_private.short_targets(viewer uuid, action text) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN count(*) <= 400
                THEN coalesce(array_agg(f.target) FILTER (WHERE f.undone_at IS NULL), '{}') END
    FROM (
      SELECT g.target, g.undone_at FROM feedback g
      WHERE g.user_id = viewer AND g.action = short_targets.action
      ORDER BY g.target LIMIT 401
    ) f
  );
END
$$;

-- Return the state from which a search begins.
CREATE OR REPLACE FUNCTION vroom_private.begin_search(
  viewer uuid, session uuid, cutoff timestamptz, fresh_from timestamptz, at timestamptz,
  served_ids uuid[], served_order integer[]
) RETURNS vroom_private.search
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  s          vroom_private.search;
  v_reported uuid[];
BEGIN
  s.viewer := viewer;
  s.samples := coalesce((SELECT u.samples FROM user_interest_signals u WHERE u.user_id = s.viewer), 0);
  s.cutoff := cutoff;
  s.fresh_from := fresh_from;
  s.kept := '{}';
  s.filtered := '{}';
  s.passed_over := '{}';
  s.complete := false;
  -- A lookup by key costs about the same however long the session is. A list would be read as a whole by each
  -- statement that asks.
  SELECT coalesce(jsonb_object_agg(g.post_id, g.place), '{}'),
         coalesce((array_agg(g.post_id ORDER BY g.place DESC))[1:600], '{}')
  INTO s.served, s.served_last
  FROM unnest(vroom_private.served_posts(viewer, session, served_ids, served_order)) AS g;
  s.hidden := vroom_private.short_targets(s.viewer, 'hide_creator');
  s.refused := vroom_private.short_targets(s.viewer, 'not_interested');
  v_reported := vroom_private.short_targets(s.viewer, 'report');
  s.refused := CASE WHEN s.refused IS NOT NULL AND v_reported IS NOT NULL THEN s.refused || v_reported END;
  SELECT n.posts, n.likely INTO s.next_posts, s.next_likely FROM vroom_private.neighbours_of(viewer, at) AS n;
  RETURN vroom_private.read_taste(s, at);
END
$$;

COMMIT;
