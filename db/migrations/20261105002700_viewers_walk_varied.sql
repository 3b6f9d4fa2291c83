BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Propose the hottest posts of creators other than those given, out of the `depth` hottest.
CREATE OR REPLACE FUNCTION vroom_private.walk_varied(prolific uuid[], depth integer, max_rows integer)
RETURNS SETOF vroom_private.proposed_post
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT w.post_id, 'varied'::text, NULL::text, NULL::bigint
  FROM (
    SELECT s.post_id, s.creator_id FROM post_stats s
    WHERE s.eligible ORDER BY s.hot_step DESC, s.post_id LIMIT depth
  ) w
  WHERE w.creator_id NOT IN (SELECT unnest(prolific))
  LIMIT max_rows;
END
$$;

-- Keep posts of more creators where a few creators made all the posts that were found. `share` is the greatest
-- number of posts by one creator that the pages of a ranking of `length` posts can use.
CREATE OR REPLACE FUNCTION vroom_private.keep_varied(
  INOUT search vroom_private.search, length integer, share integer, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_usable   integer;
  v_prolific uuid[];
BEGIN
  SELECT sum(least(c.posts, share)), array_agg(c.creator_id) FILTER (WHERE c.posts >= share)
  INTO v_usable, v_prolific
  FROM (SELECT k.creator_id, count(*) AS posts FROM unnest(search.kept) AS k GROUP BY 1) c;
  IF v_usable < length AND v_prolific IS NOT NULL THEN
    search := vroom_private.keep_unseen(
      search, ARRAY(SELECT w FROM vroom_private.walk_varied(v_prolific, 20 * walk, walk) AS w), want);
  END IF;
END
$$;

COMMIT;
