"""How the application's keys become the feed's UUIDs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from ops.adopt.text import Text

IDS = sql.SQL("""
CREATE TABLE IF NOT EXISTS vroom_private.adopted_ids (
  kind    text NOT NULL CHECK (kind IN ('post', 'user')),
  app_id  text NOT NULL,
  feed_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  PRIMARY KEY (kind, app_id)
)
""")
# Two writers may ask for the same new key at once: the loser of the insertion reads the winner's.
LOOK_UP = sql.SQL("""
CREATE OR REPLACE FUNCTION vroom_private.adopted_id(kind text, app_id text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_id uuid;
BEGIN
  IF app_id IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT i.feed_id INTO v_id FROM vroom_private.adopted_ids i
  WHERE i.kind = adopted_id.kind AND i.app_id = adopted_id.app_id;
  WHILE v_id IS NULL LOOP
    INSERT INTO vroom_private.adopted_ids (kind, app_id)
    VALUES (adopted_id.kind, adopted_id.app_id) ON CONFLICT DO NOTHING RETURNING feed_id INTO v_id;
    IF v_id IS NULL THEN
      SELECT i.feed_id INTO v_id FROM vroom_private.adopted_ids i
      WHERE i.kind = adopted_id.kind AND i.app_id = adopted_id.app_id;
    END IF;
  END LOOP;
  RETURN v_id;
END
$$
""")


def feed_id(kind: str, column: Text, column_type: str) -> Text:
    """Return the feed's UUID for a key in `column`: the key itself where it is one."""
    if column_type == "uuid":
        return column
    return sql.SQL("vroom_private.adopted_id({}, {}::text)").format(sql.Literal(kind), column)


def known_id(kind: str, column: Text, column_type: str) -> Text:
    """Return the feed's UUID for a key that it knows already, and null for any other."""
    if column_type == "uuid":
        return column
    return sql.SQL(
        "(SELECT i.feed_id FROM vroom_private.adopted_ids i"
        " WHERE i.kind = {} AND i.app_id = {}::text)"
    ).format(sql.Literal(kind), column)
