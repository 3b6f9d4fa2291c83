BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file adds to a viewer's affinities.

-- Add to a viewer's affinities for creators and for tags. Amounts for the same key are summed. The caller holds
-- lock_viewer, so that no other transaction adds the same rows, and a row costs one record in the log instead of the
-- two that ON CONFLICT takes. Where a viewer has more than 300 affinities of a kind, the weakest are deleted.
CREATE OR REPLACE FUNCTION vroom_private.add_creator_affinity(
  viewer uuid, creators uuid[], amounts double precision[], at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  WITH given AS MATERIALIZED (
    SELECT g.creator_id, least(5, greatest(-5, sum(g.amount))) AS value
    FROM unnest(creators, amounts) AS g(creator_id, amount)
    GROUP BY g.creator_id
  ), known AS (
    UPDATE viewer_creator_affinity a
    SET value = least(5, greatest(-5, vroom_private.affinity_at(a.value, a.at, add_creator_affinity.at) + g.value)),
        at = greatest(a.at, add_creator_affinity.at)
    FROM given g
    WHERE a.user_id = viewer AND a.creator_id = ANY (creators) AND a.creator_id = g.creator_id
    RETURNING a.creator_id
  )
  INSERT INTO viewer_creator_affinity (user_id, creator_id, value, at)
  SELECT viewer, g.creator_id, g.value, add_creator_affinity.at
  FROM given g
  WHERE g.creator_id NOT IN (SELECT k.creator_id FROM known k)
  ORDER BY g.creator_id;

  -- Only a new row can be one too many.
  IF FOUND AND (SELECT count(*) FROM viewer_creator_affinity a WHERE a.user_id = viewer) > 300 THEN
    DELETE FROM viewer_creator_affinity a
    WHERE a.user_id = viewer AND a.creator_id IN (
      SELECT w.creator_id FROM viewer_creator_affinity w WHERE w.user_id = viewer
      ORDER BY abs(vroom_private.affinity_at(w.value, w.at, add_creator_affinity.at)) DESC, w.creator_id
      OFFSET 300
    );
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION vroom_private.add_tag_affinity(
  viewer uuid, tags text[], amounts double precision[], at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  WITH given AS MATERIALIZED (
    SELECT g.tag, least(5, greatest(-5, sum(g.amount))) AS value
    FROM unnest(tags, amounts) AS g(tag, amount)
    GROUP BY g.tag
  ), known AS (
    UPDATE viewer_tag_affinity a
    SET value = least(5, greatest(-5, vroom_private.affinity_at(a.value, a.at, add_tag_affinity.at) + g.value)),
        at = greatest(a.at, add_tag_affinity.at)
    FROM given g
    WHERE a.user_id = viewer AND a.tag = ANY (tags) AND a.tag = g.tag
    RETURNING a.tag
  )
  INSERT INTO viewer_tag_affinity (user_id, tag, value, at)
  SELECT viewer, g.tag, g.value, add_tag_affinity.at
  FROM given g
  WHERE g.tag NOT IN (SELECT k.tag FROM known k)
  ORDER BY g.tag;

  -- Only a new row can be one too many.
  IF FOUND AND (SELECT count(*) FROM viewer_tag_affinity a WHERE a.user_id = viewer) > 300 THEN
    DELETE FROM viewer_tag_affinity a
    WHERE a.user_id = viewer AND a.tag IN (
      SELECT w.tag FROM viewer_tag_affinity w WHERE w.user_id = viewer
      ORDER BY abs(vroom_private.affinity_at(w.value, w.at, add_tag_affinity.at)) DESC, w.tag
      OFFSET 300
    );
  END IF;
END
$$;

COMMIT;
