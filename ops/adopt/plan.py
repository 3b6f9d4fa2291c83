"""The plan: the steps before the feed's schema is made, and those after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.steps import Step, statements
from ops.adopt.tables import beside, follows, mirror

if TYPE_CHECKING:
    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping
    from ops.adopt.text import Text

_MARKS = sql.SQL("""
CREATE TABLE IF NOT EXISTS vroom_private.adopted_tables (
  name         text PRIMARY KEY,
  row_security boolean NOT NULL,
  had          text[] NOT NULL
)
""")


def before_migrations(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection
) -> list[Step]:
    """Return the steps that make room for the feed's schema."""
    steps: list[Step] = []
    marked = [str(mapping.posts)] if inspection.beside else []
    own_follows = mapping.follows is not None and follows.is_own(mapping.follows)
    if own_follows:
        marked.append("public.follows")
    if marked:
        texts: list[Text] = [
            sql.SQL("CREATE SCHEMA IF NOT EXISTS vroom_private"),
            sql.SQL("REVOKE ALL ON SCHEMA vroom_private FROM PUBLIC"),
            _MARKS,
        ]
        texts += [
            sql.SQL(
                "INSERT INTO vroom_private.adopted_tables (name, row_security, had)"
                " SELECT {0}, c.relrowsecurity, ARRAY(SELECT a.attname::text FROM pg_attribute a"
                " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"
                " FROM pg_class c WHERE c.oid = {0}::regclass ON CONFLICT DO NOTHING"
            ).format(sql.Literal(name))
            for name in marked
        ]
        title = (
            f"note that {' and '.join(marked)} stay the application's: no policy of its is touched"
        )
        steps.append(statements(title, *texts, done=inspection.marked))
    if inspection.beside:
        steps.append(beside.columns_step(inspection))
        steps.append(beside.trigger_step(connection, mapping))
        steps += beside.index_steps(connection)
    if own_follows and mapping.follows is not None:
        steps += follows.before_migrations(connection, mapping.follows)
    return steps


def after_migrations(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection
) -> list[Step]:
    """Return the steps that keep both sides in step, once the feed's schema is there."""
    steps: list[Step] = []
    if not inspection.beside:
        steps += mirror.trigger_steps(connection, mapping, inspection)
    if mapping.follows is not None and not follows.is_own(mapping.follows):
        steps += follows.mirrored(connection, mapping.follows)
    return steps


def warnings(inspection: Inspection, mapping: Mapping) -> list[str]:
    """Return what the operator should know before the plan is carried out."""
    found = []
    if inspection.beside and inspection.update_triggers:
        names = ", ".join(inspection.update_triggers)
        found.append(
            f"{mapping.posts} has triggers on updates ({names}). The back-fill keeps them quiet if"
            " this role may set session_replication_role; else they fire once for each row"
        )
    known = {mapping.post_id, mapping.creator, mapping.caption, mapping.video_url}
    required = [
        name
        for name, column in inspection.posts.items()
        if inspection.beside and column.required and not column.filled and name not in known
    ]
    if required:
        found.append(
            f"{', '.join(required)} of {mapping.posts} must be given and have no default:"
            " POST /v1/uploads cannot make a post until they have one"
        )
    return found
