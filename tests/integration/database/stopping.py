"""Sessions that stop between two statements, while another session does something."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from tests.integration.database.clients import Connection

# Only the session of this name stops, and only until the advisory lock is free.
_STOPPED = "stopped"
_STOP: LiteralString = """
    CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_setting('application_name') = 'stopped' THEN
        PERFORM pg_advisory_xact_lock_shared(1);
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER {trigger} AFTER {event} ON {table}
      FOR EACH STATEMENT EXECUTE FUNCTION stop_here();
"""


@contextmanager
def stopped_after(
    watcher: Connection,
    url: str,
    event: LiteralString,
    table: LiteralString,
    *,
    trigger: LiteralString = "stop_here",
) -> Iterator[tuple[Connection, Callable[[], None]]]:
    """A session that stops after each such statement on a table, and what lets it go on.

    Triggers fire in the order of their names, so `trigger` decides which of them have fired before.
    """
    watcher.execute(
        sql.SQL(_STOP).format(
            trigger=sql.Identifier(trigger), event=sql.SQL(event), table=sql.Identifier(table)
        )
    )
    with (
        psycopg.connect(url, application_name=_STOPPED) as session,
        # Closed first, it lets the session end where a test has failed.
        psycopg.connect(url, autocommit=True) as brake,
    ):
        brake.execute("SELECT pg_advisory_lock(1)")

        def go_on() -> None:
            brake.execute("SELECT pg_advisory_unlock(1)")

        yield session, go_on


def wait_for_lock(
    watcher: Connection, connection: Connection, kind: str, running: Future[Any]
) -> None:
    """Return once the connection waits for a lock of this kind."""
    waits = "SELECT FROM pg_locks WHERE pid = %s AND locktype = %s AND NOT granted"
    while watcher.execute(waits, [connection.info.backend_pid, kind]).fetchone() is None:
        assert not running.done()


def wait_or_end(watcher: Connection, connection: Connection, running: Future[Any]) -> None:
    """Return once the connection waits for a lock of any kind, or has done its work."""
    waits = "SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
    pid = connection.info.backend_pid
    while not running.done() and watcher.execute(waits, [pid]).fetchone() is None:
        pass
