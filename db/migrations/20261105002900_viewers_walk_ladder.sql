BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- Keep posts of creators whom the viewer follows: first the newest posts of those who published last. Where these
-- and the fresh posts do not fill a ranking of `length` posts, all posts of followed creators are searched by
-- bits. `share` is the greatest number of posts by one creator that the pages of the ranking can use.
CREATE OR REPLACE FUNCTION vroom_private.keep_followed(
  INOUT search vroom_private.search, length integer, share integer, want integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_floor    timestamptz;
  v_creators uuid[];
  v_each     integer;
  v_upper    integer;  -- how many of the kept posts are on the first two rungs
BEGIN
  -- Where fresh posts of enough creators fill the ranking, older ones are not reached.
  SELECT CASE WHEN sum(least(c.fresh, share)) >= length THEN search.fresh_from ELSE '-infinity' END
  INTO v_floor
  FROM (
    SELECT count(*) AS fresh FROM unnest(search.kept) AS k
    WHERE k.published_at > search.fresh_from GROUP BY k.creator_id
  ) c;
  v_creators := vroom_private.followed_creators(search, v_floor);
  v_each := greatest(3, least(share, walk / 2 / greatest(least(cardinality(v_creators), walk / 5), 1)));
  search := vroom_private.keep_unseen(
    search,
    ARRAY(SELECT w FROM vroom_private.walk_followed(search, v_creators[1:walk / 5], v_floor, v_each, walk) AS w),
    length);

  search := vroom_private.keep_fresh(search, want);

  SELECT count(*) INTO v_upper
  FROM unnest(search.kept) AS k
  WHERE k.published_at > search.fresh_from OR k.creator_id IN (SELECT unnest(v_creators));
  IF v_upper < length AND cardinality(v_creators) > 0 THEN
    search := vroom_private.keep_unseen(
      search,
      ARRAY(SELECT w FROM vroom_private.walk_followed_by_bits(search, v_creators, 20 * walk, want) AS w),
      length - v_upper);
  END IF;
END
$$;

-- Keep unseen posts that are hot, new, or by creators whom the viewer follows. Every fresh post is kept. Where
-- there are fewer unseen posts than wanted, every unseen post is kept.
CREATE OR REPLACE FUNCTION vroom_private.walk_ladder(
  INOUT search vroom_private.search, want integer, page_size integer, walk integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_proposed vroom_private.proposed_post[];
  v_known    integer;
  v_length   integer := ceil(want * 2 / 3.0);  -- how many posts the ranking takes; the others are for discovery
  v_share    integer := 2 * ceil(v_length::numeric / page_size);  -- at most 2 a page by one creator
BEGIN
  v_proposed := ARRAY(SELECT w FROM vroom_private.walk_hot(walk) AS w);
  search.complete := cardinality(v_proposed) < walk;  -- the walk has looked at every eligible post
  search := vroom_private.keep_unseen(
    search, v_proposed,
    CASE WHEN search.complete THEN walk ELSE greatest(want / 4, want - cardinality(search.kept)) END);
  IF search.complete THEN
    RETURN;
  END IF;

  v_proposed := ARRAY(SELECT w FROM vroom_private.walk_new(walk / 2) AS w);
  SELECT count(*) INTO v_known
  FROM unnest(v_proposed) AS w WHERE w.post_id IN (SELECT k.post_id FROM unnest(search.kept) AS k);
  search := vroom_private.keep_unseen(search, v_proposed, v_length - v_known);

  search := vroom_private.keep_followed(search, v_length, v_share, want, walk);

  IF cardinality(search.kept) < want THEN
    search := vroom_private.keep_unseen(
      search, ARRAY(SELECT w FROM vroom_private.walk_hot_strides() AS w), want - cardinality(search.kept));
  END IF;
  IF cardinality(search.kept) < want THEN
    search := vroom_private.keep_rest(search, want, walk);
  END IF;
  IF NOT search.complete THEN
    search := vroom_private.keep_varied(search, v_length, v_share, want, walk);
  END IF;
END
$$;

COMMIT;
