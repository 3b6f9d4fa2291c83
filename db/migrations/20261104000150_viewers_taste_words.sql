BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file says by which words taste knows a post: by its tags, or by the terms of its caption where it has no tags.

-- Return tags from which taste is learnt, as they are compared: each once, and ten at most.
CREATE OR REPLACE FUNCTION vroom_private.taste_tags(tags text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_taken text[] := '{}';
  v_tag   text;
BEGIN
  -- A loop takes a third of the time of a query, and a new viewer's first page calls this for some 340 posts.
  FOREACH v_tag IN ARRAY coalesce(tags, '{}') LOOP
    v_tag := vroom_private.folded(v_tag);
    IF v_tag <> '' AND v_tag <> ALL (v_taken) THEN
      v_taken := v_taken || v_tag;
      EXIT WHEN cardinality(v_taken) = 10;
    END IF;
  END LOOP;
  RETURN v_taken;
END
$$;

-- Return what taste learns of a post: its tags, or its terms where it has no tags. A term that no other post bears
-- says nothing of other posts, so it is left out.
CREATE OR REPLACE FUNCTION vroom_private.taste_words(post uuid, tags text[]) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NOT vroom_private.is_untagged(tags) THEN
    RETURN vroom_private.taste_tags(tags);
  END IF;
  RETURN ARRAY(
    SELECT t.tag FROM post_tags t
    WHERE t.post_id = post AND EXISTS (SELECT FROM post_tags o WHERE o.tag = t.tag AND o.post_id <> post)
    ORDER BY t.tag LIMIT 10);
END
$$;

-- Return the viewer's taste for the tags of posts: the sum over the first ten tags. Of a post without tags it is that
-- for its terms, of which the one that is liked most and the one that is liked least count, and no others: a caption
-- that is stuffed with words gains no more than one that says the best of them. Where nothing is known there is no row.
CREATE OR REPLACE FUNCTION vroom_private.tag_affinities(tag_taste jsonb, posts uuid[])
RETURNS TABLE (post_id uuid, affinity double precision)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
ROWS 200
AS $$
BEGIN
  IF tag_taste IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
  WITH found AS MATERIALIZED (
    SELECT p.id, p.tags[1:10] AS tags, vroom_private.is_untagged(p.tags) AS untagged
    FROM public.posts p WHERE p.id = ANY (tag_affinities.posts)
  )
  SELECT g.id, sum((tag_taste -> g.tag)::double precision)
  FROM (SELECT DISTINCT f.id, vroom_private.folded(unnest(f.tags)) AS tag FROM found f WHERE NOT f.untagged) g
  GROUP BY g.id
  UNION ALL
  SELECT f.id, greatest(max(w.liking), 0) + least(min(w.liking), 0)
  FROM found f
  CROSS JOIN LATERAL (
    SELECT (tag_taste -> t.tag)::double precision AS liking FROM post_tags t WHERE t.post_id = f.id LIMIT 10
  ) w
  WHERE f.untagged AND w.liking IS NOT NULL
  GROUP BY f.id;
END
$$;

SELECT vroom_private.open_only_to('vroom_private.taste_words(uuid, text[])', NULL);
SELECT vroom_private.open_only_to('vroom_private.tag_affinities(jsonb, uuid[])', NULL);

COMMIT;
