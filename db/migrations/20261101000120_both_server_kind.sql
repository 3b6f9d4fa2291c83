BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- This file notes which kind of server this is.
--
-- both       one server does everything; this is the default
-- catalogue  posts, uploads, Mux's events and the figures that all viewers share; it has no viewers
-- viewers    a cell: viewers and what they do; posts and figures arrive by replication from a catalogue server
--
-- The second word of a file's name says where it belongs. A server of kind `both` takes all files, and a server of
-- the other kinds takes those named `both` and those named after its own kind.
CREATE TABLE IF NOT EXISTS vroom_private.server (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  kind     text NOT NULL CHECK (kind IN ('both', 'catalogue', 'viewers')),
  cell_no  integer CHECK (cell_no BETWEEN 1 AND 999),  -- of a cell that is connected to a catalogue
  sends_by name,  -- the slot by which the catalogue reads what viewers of this cell did; null: it does not yet
  CHECK (kind = 'viewers' OR cell_no IS NULL AND sends_by IS NULL)
);
ALTER TABLE vroom_private.server ENABLE ROW LEVEL SECURITY;

-- `make migrate KIND=…` sets vroom.kind. A kind that was chosen once stays.
INSERT INTO vroom_private.server (kind)
VALUES (coalesce(nullif(current_setting('vroom.kind', true), ''), 'both'))
ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION vroom_private.server_kind() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT s.kind FROM vroom_private.server s $$;

-- Raise an error unless this server has the given kind or does everything.
CREATE OR REPLACE FUNCTION vroom_private.assert_kind(wanted text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_kind text := vroom_private.server_kind();
BEGIN
  IF v_kind NOT IN ('both', wanted) THEN
    RAISE EXCEPTION 'this is a server of kind %, and what was asked for belongs to one of kind %', v_kind, wanted
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
$$;

SELECT vroom_private.open_only_to('vroom_private.server_kind()', NULL);
SELECT vroom_private.open_only_to('vroom_private.assert_kind(text)', NULL);

COMMIT;
