"""The simulated clock, in this process and in a database that lives in simulated time.

The production SQL reads now() and similar functions. In such a database, every function, view and
column default that does so is redefined to read one row instead, starting from the definition
that the database itself reports. Statements from outside find `simulated.now` first on their
search path.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from datetime import tzinfo

# Where no other start is given: a Monday far from any real clock, so that one that leaks in shows.
START = datetime(2040, 1, 2, tzinfo=UTC)

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


def moment(seconds: float, start: datetime = START) -> datetime:
    """Return the time so many seconds after the simulated start."""
    return start + timedelta(milliseconds=round(seconds * 1000))


class Clock:
    """The time of one simulated world. Where the world has a database, it is the same there.

    Args:
        connection: A connection to the database, as its owner. None where there is none.
        start: The time at which the world begins.
    """

    def __init__(
        self, connection: psycopg.Connection | None = None, start: datetime = START
    ) -> None:
        self._connection = connection
        self._start = self._now = start
        if start != START:
            self._tell()

    def set(self, seconds: float) -> datetime:
        """Set the time to so many seconds after the start, for everybody. Return it."""
        now = moment(seconds, self._start)
        if now != self._now:
            self._now = now
            self._tell()
        return now

    def now(self, zone: tzinfo | None = None) -> datetime:
        """Return the simulated time. This stands in for `datetime.now`."""
        return self._now.astimezone(zone)

    def _tell(self) -> None:
        if self._connection is not None:
            self._connection.execute("UPDATE simulated.clock SET at = %s", (self._now,))


class LeakyClockError(Exception):
    """The schema reads the real clock in a place that cannot be redirected."""


def install_clock(admin_url: str) -> None:
    """Let a migrated database live in simulated time.

    Args:
        admin_url: As the owner of the schema.

    Raises:
        LeakyClockError: A policy reads the clock. None did when this was written.
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
