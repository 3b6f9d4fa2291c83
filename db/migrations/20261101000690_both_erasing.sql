BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- Delete at most `max_rows` rows that name the viewer in one column of one table, and return how many were deleted.
-- Rows that somebody else is writing at the moment are left out, because waiting for them could end in a deadlock.
CREATE OR REPLACE FUNCTION vroom_private.erase_rows(relation text, key text, viewer uuid, max_rows integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_count integer;
BEGIN
  EXECUTE format(
    'DELETE FROM public.%1$I d WHERE d.ctid = ANY (ARRAY('
    ' SELECT r.ctid FROM public.%1$I r WHERE r.%2$I = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))',
    relation, key) USING viewer, max_rows;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$$;

-- Return the sum of the rows in {table: rows}.
CREATE OR REPLACE FUNCTION vroom_private.rows_of(counts jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(sum(c.value::integer), 0)::integer FROM jsonb_each_text(counts) AS c $$;

-- Return whether a row of one of these tables still names a creator.
CREATE OR REPLACE FUNCTION vroom_private.is_named(creator uuid, relations text[]) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_found    boolean := false;
  v_relation text;
BEGIN
  FOREACH v_relation IN ARRAY relations LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I r WHERE r.creator_id = $1)', v_relation)
    INTO v_found USING creator;
    EXIT WHEN v_found;
  END LOOP;
  RETURN v_found;
END
$$;

SELECT vroom_private.open_only_to('vroom_private.is_named(uuid, text[])', NULL);
SELECT vroom_private.open_only_to('vroom_private.erase_rows(text, text, uuid, integer)', NULL);

COMMIT;
