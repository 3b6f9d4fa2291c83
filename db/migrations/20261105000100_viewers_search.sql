BEGIN;

-- The first file refuses a database that it does not understand; then this one does nothing either.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Retrieval: what one search knows of the viewer, and what it has found.

-- What one call for candidates knows of the viewer, and what it has found so far.
DO $$
BEGIN
  IF to_regtype('vroom_private.search') IS NULL THEN
    CREATE TYPE vroom_private.search AS (
      viewer        uuid,
      cutoff        timestamptz,       -- an impression after it is in cooldown
      hidden        uuid[],            -- creators
      refused       uuid[],            -- posts
      served        uuid[],            -- what the session was served
      served_at     integer[],         -- each one's last place, page number * 64 + position
      creator_taste jsonb,             -- affinity by creator, decayed; null: none known
      tag_taste     jsonb,             -- affinity by tag, likewise
      liked_creators uuid[],           -- the ten most liked
      liked_tags    text[],            -- the eight most liked
      kept          uuid[],            -- unseen posts found
      creators      uuid[],            -- of each
      published     timestamptz[],     -- each one's time
      origins       text[],            -- the walk that found each
      dropped       uuid[],            -- posts looked at that may not be shown as unseen
      drops         text[],            -- why, for each
      complete      boolean            -- no unseen post exists but those kept
    );
  END IF;
END $$;

-- The state from which a search begins.
CREATE OR REPLACE FUNCTION vroom_private.begin_search(
  viewer uuid, session uuid, cutoff timestamptz, at timestamptz, served_ids uuid[], served_order integer[]
) RETURNS vroom_private.search
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  s vroom_private.search;
BEGIN
  s.viewer := viewer;
  s.cutoff := cutoff;
  s.kept := '{}';
  s.creators := '{}';
  s.published := '{}';
  s.origins := '{}';
  s.dropped := '{}';
  s.drops := '{}';
  s.complete := false;

  SELECT coalesce(array_agg(f.creator_id) FILTER (WHERE f.action = 'hide_creator' AND f.creator_id IS NOT NULL), '{}'),
         coalesce(array_agg(f.post_id) FILTER (WHERE f.action <> 'hide_creator' AND f.post_id IS NOT NULL), '{}')
  INTO s.hidden, s.refused
  FROM feedback f
  WHERE f.user_id = s.viewer AND f.undone_at IS NULL;

  -- What this session was served, each post with its last place.
  SELECT coalesce(array_agg(u.id), '{}'), coalesce(array_agg(u.last_at), '{}')
  INTO s.served, s.served_at
  FROM (
    SELECT g.id, max(g.place) AS last_at
    FROM (
      SELECT p.id, f.page_no * 64 + p.ord::integer AS place
      FROM feed_pages f, unnest(f.post_ids) WITH ORDINALITY AS p(id, ord)
      WHERE f.user_id = s.viewer AND f.session_id = session
      UNION ALL
      SELECT c.id, c.place FROM unnest(served_ids, served_order) AS c(id, place)
    ) g
    GROUP BY g.id
  ) u;

  SELECT jsonb_object_agg(a.creator_id, a.value),
         (array_agg(a.creator_id ORDER BY a.value DESC, a.creator_id) FILTER (WHERE a.value > 0))[1:10]
  INTO s.creator_taste, s.liked_creators
  FROM (
    SELECT c.creator_id, vroom_private.affinity_at(c.value, c.at, begin_search.at) AS value
    FROM viewer_creator_affinity c WHERE c.user_id = s.viewer
    OFFSET 0  -- decayed once
  ) a;
  SELECT jsonb_object_agg(a.tag, a.value),
         (array_agg(a.tag ORDER BY a.value DESC, a.tag) FILTER (WHERE a.value > 0))[1:8]
  INTO s.tag_taste, s.liked_tags
  FROM (
    SELECT t.tag, vroom_private.affinity_at(t.value, t.at, begin_search.at) AS value
    FROM viewer_tag_affinity t WHERE t.user_id = s.viewer
    OFFSET 0
  ) a;
  RETURN s;
END
$$;

-- Of `ids` (none twice), those that the viewer has not seen and may be shown, in the given order, at most
-- `most`, are kept; the others are dropped, each for the first reason that holds. What earlier walks have
-- decided is not looked at again. Seen: an impression after the cutoff, or served in the session. This is
-- the only place that says so. names[i], or names[1] for all, is the walk that ids[i] comes from.
CREATE OR REPLACE FUNCTION vroom_private.keep_unseen(
  INOUT search vroom_private.search, names text[], ids uuid[], most integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  found_ids   uuid[];
  found_by    uuid[];
  found_of    timestamptz[];
  found_names text[];
  lost        uuid[];
  reasons     text[];
BEGIN
  WITH looked AS MATERIALIZED (
    SELECT counted.id, counted.ord, counted.creator_id, counted.published_at, counted.reason
    FROM (
      SELECT judged.*,
             count(*) FILTER (WHERE judged.reason IS NULL)
               OVER (ORDER BY judged.ord ROWS UNBOUNDED PRECEDING) AS unseen
      FROM (
        SELECT given.id, given.ord, s.creator_id, s.published_at,
               CASE
                 WHEN s.creator_id IS NULL THEN 'ineligible'
                 WHEN s.creator_id = search.viewer THEN 'own'
                 WHEN s.creator_id IN (SELECT unnest(search.hidden)) THEN 'hidden'
                 WHEN given.id IN (SELECT unnest(search.refused)) THEN 'not_interested'
                 WHEN given.id IN (SELECT unnest(search.served)) THEN 'served'
                 -- LIMIT keeps this a probe of the index, never a scan of the viewer's history
                 WHEN (
                   SELECT true FROM viewer_last_seen i
                   WHERE i.user_id = search.viewer AND i.post_id = given.id AND i.seen_at > search.cutoff
                   LIMIT 1
                 ) THEN 'seen'
               END AS reason
        FROM unnest(ids) WITH ORDINALITY AS given(id, ord)
        LEFT JOIN LATERAL (
          SELECT p.creator_id, p.published_at FROM post_stats p WHERE p.post_id = given.id AND p.eligible LIMIT 1
        ) s ON true
        WHERE given.id NOT IN (SELECT unnest(search.kept))
          AND given.id NOT IN (SELECT unnest(search.dropped))
        ORDER BY given.ord OFFSET 0  -- no other order is sorted, and a reason is found once
      ) judged
    ) counted
    WHERE counted.unseen <= most  -- the window stops here: no further post is looked at
  )
  SELECT array_agg(l.id ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(l.creator_id ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(l.published_at ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(coalesce(names[l.ord], names[1]) ORDER BY l.ord) FILTER (WHERE l.reason IS NULL),
         array_agg(l.id ORDER BY l.ord) FILTER (WHERE l.reason IS NOT NULL),
         array_agg(l.reason ORDER BY l.ord) FILTER (WHERE l.reason IS NOT NULL)
  INTO found_ids, found_by, found_of, found_names, lost, reasons
  FROM looked l;
  search.kept := search.kept || found_ids;
  search.creators := search.creators || found_by;
  search.published := search.published || found_of;
  search.origins := search.origins || found_names;
  search.dropped := search.dropped || lost;
  search.drops := search.drops || reasons;
END
$$;

-- The posts of a block whose bits are set, newest first.
CREATE OR REPLACE FUNCTION vroom_private.posts_of_bits(block bigint, bits bit) RETURNS uuid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT array_agg(s.post_id ORDER BY s.post_no DESC)
  FROM post_stats s
  WHERE s.post_no = ANY (
    ARRAY(SELECT (block << 10) + n FROM generate_series(0, 1023) AS n WHERE get_bit(bits, n) = 1)
  )
$$;

COMMIT;
