"""The simulated clock, in this process and in a database of the simulation's own.

The production SQL reads now() and its kin. In the simulation's database every function, view and
column default that does is rewritten, from what the database itself says of it, to read one row
instead; statements that come from outside find `simulated.now` first on their search path.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from evaluation.simulation.scale import START

if TYPE_CHECKING:
    from datetime import tzinfo

_REAL_NOW = re.compile(
    r"\b(?:pg_catalog\.)?(?:now|(?:clock|statement|transaction)_timestamp)\(\)"
    r"|\bCURRENT_TIMESTAMP\b",
    re.IGNORECASE,
)
_SIMULATED_NOW = "simulated.now()"
_SCHEMAS = ["public", "vroom_private", "auth"]

_CLOCK = """
CREATE SCHEMA simulated;
CREATE UNLOGGED TABLE simulated.clock (at timestamptz NOT NULL);
INSERT INTO simulated.clock VALUES ('2040-01-02 00:00+00');
CREATE FUNCTION simulated.now() RETURNS timestamptz LANGUAGE sql STABLE
RETURN (SELECT at FROM simulated.clock);
GRANT USAGE ON SCHEMA simulated TO PUBLIC;
GRANT SELECT ON simulated.clock TO PUBLIC;
"""
_FUNCTIONS = """
SELECT pg_get_functiondef(p.oid) FROM pg_proc p
JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = ANY (%s::regnamespace[]) AND p.prokind IN ('f', 'p')
  AND l.lanname IN ('sql', 'plpgsql')
"""
_VIEWS = """
SELECT c.relnamespace::regnamespace::text, c.relname, pg_get_viewdef(c.oid), c.reloptions
FROM pg_class c WHERE c.relnamespace = ANY (%s::regnamespace[]) AND c.relkind = 'v'
"""
_DEFAULTS = """
SELECT d.adrelid::regclass::text, a.attname, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE c.relnamespace = ANY (%s::regnamespace[])
"""
_POLICIES = """
SELECT schemaname || '.' || tablename, policyname, concat_ws(' ', qual, with_check)
FROM pg_policies WHERE schemaname = ANY (%s)
"""


def moment(seconds: float) -> datetime:
    """The time so many seconds after the simulated start."""
    return START + timedelta(milliseconds=round(seconds * 1000))


class Clock:
    """The time of one simulated world; where it has a database, it is the same there.

    Args:
        connection: To the database, as its owner; None where there is none.
    """

    def __init__(self, connection: psycopg.Connection | None = None) -> None:
        self._connection = connection
        self._now = START

    def set(self, seconds: float) -> datetime:
        """Let it be so many seconds after the start, for everybody."""
        now = moment(seconds)
        if now != self._now and self._connection is not None:
            self._connection.execute("UPDATE simulated.clock SET at = %s", (now,))
        self._now = now
        return now

    def now(self, zone: tzinfo | None = None) -> datetime:
        """The simulated time; stands in for `datetime.now`."""
        return self._now.astimezone(zone)


class LeakyClockError(Exception):
    """The schema reads the real clock in a place that cannot be redirected."""


def install_clock(admin_url: str) -> None:
    """Let a migrated database of the simulation's own live in simulated time.

    Args:
        admin_url: As the owner of the schema.

    Raises:
        LeakyClockError: A policy reads the clock: none did when this was written.
        psycopg.Error: The database refused.
    """
    with psycopg.connect(admin_url) as connection:
        connection.execute(_CLOCK)
        for (definition,) in connection.execute(_FUNCTIONS, (_SCHEMAS,)).fetchall():
            if _REAL_NOW.search(definition):
                connection.execute(_redirected(definition))
        for schema, view, body, options in connection.execute(_VIEWS, (_SCHEMAS,)).fetchall():
            if _REAL_NOW.search(body):
                name = sql.Identifier(schema, view)
                connection.execute(
                    sql.SQL("CREATE OR REPLACE VIEW {} {} AS {}").format(
                        name,
                        sql.SQL(f"WITH ({', '.join(options)})" if options else ""),
                        sql.SQL(_redirected(body).decode()),
                    )
                )
        for table, column, expression in connection.execute(_DEFAULTS, (_SCHEMAS,)).fetchall():
            if _REAL_NOW.search(expression):
                default = _redirected(expression).decode()
                statement = f'ALTER TABLE {table} ALTER COLUMN "{column}" SET DEFAULT {default}'
                connection.execute(statement.encode())
        for table, policy, text in connection.execute(_POLICIES, (_SCHEMAS,)).fetchall():
            if _REAL_NOW.search(text):
                raise LeakyClockError(f"policy {policy} of {table} reads the real clock")
        database = connection.info.dbname
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = simulated, pg_catalog, public").format(
                sql.Identifier(database)
            )
        )


def _redirected(text: str) -> bytes:
    return _REAL_NOW.sub(_SIMULATED_NOW, text).encode()
