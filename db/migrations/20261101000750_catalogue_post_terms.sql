BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- The triggers in this file keep the terms of posts without tags in step with posts. They fire after those of
-- 20261101000700_catalogue_post_changes.sql.

-- Write the terms of those of the given posts that have no tags and may be shown.
CREATE OR REPLACE FUNCTION vroom_private.write_terms(posts uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_terms jsonb;
BEGIN
  SELECT jsonb_object_agg(p.id, to_jsonb(vroom_private.terms_of(p.id, p.caption))) INTO v_terms
  FROM posts p
  JOIN post_stats s ON s.post_id = p.id AND s.eligible
  WHERE p.id = ANY (write_terms.posts) AND vroom_private.is_untagged(p.tags);
  DELETE FROM post_tags t
  USING jsonb_each(v_terms) AS n(post_id, terms)
  WHERE t.post_id = n.post_id::uuid AND NOT n.terms ? t.tag;
  INSERT INTO post_tags (tag, post_id, hot_score, post_no)
  SELECT g.term, s.post_id, s.hot_score, s.post_no
  FROM jsonb_each(v_terms) AS n(post_id, terms)
  JOIN post_stats s ON s.post_id = n.post_id::uuid AND s.eligible
  CROSS JOIN jsonb_array_elements_text(n.terms) AS g(term)
  ORDER BY 1, 2
  ON CONFLICT DO NOTHING;
END
$$;

-- Write the terms of posts without tags. They are chosen anew only where caption or tags have changed, so that an
-- application's other changes of a post cost little. Many posts of one statement take turns of 1,000, so that each turn
-- knows the words of those before it, and needs little memory.
CREATE OR REPLACE FUNCTION vroom_private.post_terms_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_posts uuid[];
  v_turn  uuid[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    v_posts := ARRAY(SELECT n.id FROM new_posts n WHERE n.caption <> '' AND vroom_private.is_untagged(n.tags));
  ELSE
    v_posts := ARRAY(
      SELECT n.id FROM new_posts n
      LEFT JOIN old_posts o ON o.id = n.id AND o.caption = n.caption AND vroom_private.is_untagged(o.tags)
      WHERE vroom_private.is_untagged(n.tags)
        AND (o.id IS NULL OR n.caption <> '' AND NOT EXISTS (SELECT FROM post_tags t WHERE t.post_id = n.id)));
    UPDATE post_tags t SET hot_score = s.hot_score
    FROM new_posts n
    JOIN post_stats s ON s.post_id = n.id
    WHERE t.post_id = n.id AND vroom_private.is_untagged(n.tags) AND abs(t.hot_score - s.hot_score) > 0.5;
  END IF;
  IF cardinality(v_posts) > 0 THEN
    FOR v_turn IN
      SELECT array_agg(g.id)
      FROM (SELECT p.id, row_number() OVER (ORDER BY p.id) - 1 AS place FROM unnest(v_posts) AS p(id)) g
      GROUP BY g.place / 1000 ORDER BY g.place / 1000
    LOOP
      PERFORM vroom_private.write_terms(v_turn);
    END LOOP;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER posts_5_terms_inserted AFTER INSERT ON public.posts
  REFERENCING NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_terms_written();
CREATE OR REPLACE TRIGGER posts_5_terms_updated AFTER UPDATE ON public.posts
  REFERENCING OLD TABLE AS old_posts NEW TABLE AS new_posts
  FOR EACH STATEMENT EXECUTE FUNCTION vroom_private.post_terms_written();

SELECT vroom_private.open_only_to('vroom_private.write_terms(uuid[])', NULL);
SELECT vroom_private.open_only_to('vroom_private.post_terms_written()', NULL);

COMMIT;
