BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('catalogue'); END $$;

-- This file erases what a catalogue keeps of a creator.

-- Delete a viewer's posts and the record of the creator, at most `max_rows` rows, and return {table: rows}. The sweep
-- still needs the viewer's uploads to delete videos at Mux, so their rows stay, but they no longer name the
-- viewer.
CREATE OR REPLACE FUNCTION vroom_private.erase_posts(viewer uuid, max_rows integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_posts  uuid[];
  v_gone   jsonb := '{}';
  v_left   integer := max_rows;
  v_count  integer;
BEGIN
  -- The roll-up adds to the figures of these posts and of this creator, so it must not run while they are deleted.
  PERFORM vroom_private.lock_task('roll_up');
  v_posts := ARRAY(SELECT p.id FROM posts p WHERE p.creator_id = viewer ORDER BY p.id LIMIT least(v_left, 200));
  -- Uploads are locked first, as in all other transactions. The other order could end in a deadlock.
  PERFORM FROM uploads u WHERE u.post_id = ANY (v_posts) OR u.creator_id = viewer ORDER BY u.post_id FOR UPDATE;
  DELETE FROM post_reviews r WHERE r.post_id = ANY (v_posts);
  DELETE FROM posts p WHERE p.id = ANY (v_posts);
  v_left := v_left - cardinality(v_posts);
  v_gone := v_gone || jsonb_build_object('posts', cardinality(v_posts));
  IF v_left > 0 THEN
    UPDATE uploads u SET creator_id = gen_random_uuid(), idempotency_key = NULL, answer = NULL
    WHERE u.creator_id = viewer;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_gone := v_gone || jsonb_build_object('uploads', v_count);
    v_gone := v_gone || jsonb_build_object(
      'creator_quality', vroom_private.erase_rows('creator_quality', 'creator_id', viewer, v_left));
  END IF;
  -- Other viewers' rows in the cells name the creator, too. Each time that is noted here lets the cells forget the
  -- creator. Once posts have gone, they have to do so again, since their viewers may have learnt of the creator from
  -- these posts meanwhile.
  INSERT INTO vroom_private.erased_creators AS e (creator_id)
  SELECT viewer WHERE EXISTS (SELECT FROM vroom_private.cells)
  ON CONFLICT (creator_id) DO UPDATE SET erased_at = excluded.erased_at
  WHERE cardinality(v_posts) > 0 OR e.erased_at < excluded.erased_at - interval '1 minute';
  RETURN v_gone;
END
$$;

-- Carry out orders that cells have given, the oldest first, at most about `max_rows` rows. An order goes once nothing
-- is left. Rows that somebody else is writing at the moment are left for the next call.
CREATE OR REPLACE FUNCTION vroom_private.carry_out_erasures(max_rows integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_both boolean := vroom_private.server_kind() = 'both';
  v_left integer := max_rows;
  v_gone jsonb;
  v_order record;
BEGIN
  FOR v_order IN
    SELECT o.creator_id FROM vroom_private.erasure_orders o
    GROUP BY o.creator_id ORDER BY min(o.order_no) LIMIT 100
  LOOP
    EXIT WHEN v_left <= 0;
    v_gone := vroom_private.erase_posts(v_order.creator_id, v_left);
    IF v_both THEN
      v_gone := v_gone || vroom_private.erase_names(v_order.creator_id, v_left);
    ELSE
      PERFORM vroom_private.erase_rows('engagement_queue', 'creator_id', v_order.creator_id, v_left);
    END IF;
    v_left := v_left - 1 - vroom_private.rows_of(v_gone);
    DELETE FROM vroom_private.erasure_orders o
    WHERE o.creator_id = v_order.creator_id
      AND NOT vroom_private.is_named(o.creator_id, ARRAY['posts', 'uploads', 'creator_quality', 'engagement_queue']
        || CASE WHEN v_both THEN ARRAY['follows', 'feedback', 'viewer_creator_affinity'] ELSE '{}' END);
  END LOOP;
END
$$;

SELECT vroom_private.open_only_to('vroom_private.erase_posts(uuid, integer)', NULL);
SELECT vroom_private.open_only_to('vroom_private.carry_out_erasures(integer)', NULL);

COMMIT;
