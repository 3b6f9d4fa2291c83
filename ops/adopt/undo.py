"""Take the feed out of an application's database again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.steps import LOCK_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from psycopg import Connection

_MADE = re.compile(
    r"^CREATE (?:OR REPLACE )?(TABLE|VIEW|FUNCTION|TYPE)(?: IF NOT EXISTS)? public\.(\w+)",
    re.MULTILINE,
)
_ROLES = ("vroom_app", "vroom_webhook")
_TRIGGERS = """
SELECT t.tgrelid::regclass::text, t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND p.pronamespace::regnamespace::text = 'vroom_private'
"""
_POLICIES = {
    "public.posts": "read_showable_and_own_posts",
    "public.follows": "manage_own_follows",
}
_CONSTRAINTS = """
SELECT c.conname FROM pg_constraint c
WHERE c.conrelid = %s::regclass AND c.conname LIKE 'vroom\\_%%'
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (%s)
"""


def undo(connection: Connection[Any], migrations: Iterable[Path]) -> None:
    """Remove all that the feed made, in one transaction; the application's rows stay.

    The roles stay, since they belong to the whole server.
    """
    made = [match for file in migrations for match in _MADE.findall(file.read_text("utf-8"))]
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        adopted = _adopted(connection)
        for table, trigger in connection.execute(_TRIGGERS).fetchall():
            connection.execute(
                sql.SQL("DROP TRIGGER {} ON {}").format(sql.Identifier(trigger), sql.SQL(table))
            )
        for name, (row_security, had) in adopted.items():
            _give_back(connection, name, row_security=row_security, had=had)
        for kind in ("VIEW", "TABLE"):
            names = {name for made_kind, name in made if made_kind == kind}
            for name in sorted(n for n in names if f"public.{n}" not in adopted):
                connection.execute(
                    sql.SQL("DROP {} IF EXISTS public.{} CASCADE").format(
                        sql.SQL(kind), sql.Identifier(name)
                    )
                )
        functions = [name for kind, name in made if kind == "FUNCTION"]
        for (signature,) in connection.execute(_FUNCTIONS, [functions]).fetchall():
            connection.execute(sql.SQL("DROP FUNCTION {}").format(sql.SQL(signature)))
        _reset_limits(connection)
        connection.execute("DROP SCHEMA IF EXISTS vroom_private CASCADE")
        connection.execute("DROP TABLE IF EXISTS public.vroom_migrations")


def _reset_limits(connection: Connection[Any]) -> None:
    """Take back what the feed set for its roles in this database."""
    rows = connection.execute(
        "SELECT r.rolname FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
        " JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE d.datname = current_database() AND r.rolname = ANY (%s)",
        [list(_ROLES)],
    ).fetchall()
    name = sql.Identifier(connection.info.dbname)
    text = sql.SQL("ALTER ROLE {} IN DATABASE {} RESET idle_in_transaction_session_timeout")
    for (role,) in rows:
        connection.execute(text.format(sql.Identifier(role), name))


def _adopted(connection: Connection[Any]) -> dict[str, tuple[bool, list[str]]]:
    found = connection.execute("SELECT to_regclass('vroom_private.adopted_tables')").fetchone()
    if found is None or found[0] is None:
        return {}
    rows = connection.execute("SELECT name, row_security, had FROM vroom_private.adopted_tables")
    return {name: (row_security, had) for name, row_security, had in rows.fetchall()}


def _give_back(
    connection: Connection[Any], name: str, *, row_security: bool, had: list[str]
) -> None:
    table = sql.SQL(name)
    connection.execute(
        sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(sql.Identifier(_POLICIES[name]), table)
    )
    for (constraint,) in connection.execute(_CONSTRAINTS, [name]).fetchall():
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, sql.Identifier(constraint))
        )
    rows = connection.execute(
        "SELECT attname::text FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [name],
    ).fetchall()
    for (column,) in rows:
        if column not in had:
            connection.execute(
                sql.SQL("ALTER TABLE {} DROP COLUMN {} CASCADE").format(
                    table, sql.Identifier(column)
                )
            )
    for index in ("posts_by_creator", "follows_vroom_pair", "follows_by_creator"):
        connection.execute(sql.SQL("DROP INDEX IF EXISTS public.{}").format(sql.Identifier(index)))
    for role in _ROLES:
        connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(table, sql.Identifier(role)))
    action = "ENABLE" if row_security else "DISABLE"
    connection.execute(
        sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY").format(table, sql.SQL(action))
    )
