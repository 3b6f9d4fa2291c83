BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Return whether the viewer's taste is still being found out, as the ranking's interview defines it.
CREATE OR REPLACE FUNCTION vroom_private.is_interviewed(samples bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN samples < 48;

-- Propose the hottest posts of different neighbourhoods, for a viewer who is interviewed: three of each of the 24
-- tags that are the first tag of most of the posts that are looked at. These are hot posts from the top of the
-- catalogue down, so that a tag on which all of the hottest posts agree does not hide the others.
CREATE OR REPLACE FUNCTION vroom_private.walk_interview(search vroom_private.search, walk integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_top  double precision;  -- in steps, 8 a half-life
  v_rows integer := 8;  -- a variable, as in walk_followed
  v_tags text[];
BEGIN
  IF NOT vroom_private.is_interviewed(search.samples) THEN
    RETURN;
  END IF;
  v_top := (SELECT max(s.hot_step) FROM post_stats s WHERE s.eligible);
  v_tags := ARRAY(
    SELECT kind.tag
    FROM (
      SELECT w.post_id FROM vroom_private.walk_hot(walk / 5) AS w
      UNION
      SELECT s.post_id
      FROM generate_series(0, 13) AS stride
      CROSS JOIN LATERAL (
        SELECT p.post_id FROM post_stats p
        WHERE p.eligible AND p.hot_step < v_top - 2 * 2 ^ stride
        ORDER BY p.hot_step DESC LIMIT v_rows
      ) s
    ) hot
    -- LIMIT keeps this a probe of the key
    CROSS JOIN LATERAL (
      SELECT (vroom_private.taste_tags(p.tags))[1] AS tag FROM posts p WHERE p.id = hot.post_id LIMIT 1
    ) kind
    WHERE kind.tag IS NOT NULL
    GROUP BY kind.tag ORDER BY count(*) DESC, kind.tag LIMIT 24
  );
  RETURN QUERY
  SELECT n.post_id, 'interview'::text, NULL::text, n.place
  FROM unnest(v_tags) AS kind(tag)
  CROSS JOIN LATERAL (
    SELECT t.post_id, row_number() OVER (ORDER BY t.hot_score DESC, t.post_id) AS place
    FROM post_tags t WHERE t.tag = kind.tag
    ORDER BY t.hot_score DESC, t.post_id LIMIT 3
  ) n;
END
$$;

COMMIT;
