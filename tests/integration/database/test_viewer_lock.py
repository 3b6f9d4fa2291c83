"""The lock of a viewer, taken while an erasure deletes the row that stands for it."""

import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import LiteralString

import psycopg
import pytest

from tests.conftest import Database
from tests.integration.database.clients import Connection, operator

VIEWER = uuid.uuid4()
LOCK: LiteralString = "SELECT vroom_private.lock_viewer(%s)"
INSERT: LiteralString = "INSERT INTO user_interest_signals (user_id) VALUES (%s)"

# The session of this name stops after each INSERT until the advisory lock is free.
STOPPED = "stopped after insert"
STOP: LiteralString = """
    CREATE FUNCTION stop_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_setting('application_name') = 'stopped after insert' THEN
        PERFORM pg_advisory_xact_lock_shared(1);
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER stop_after_insert AFTER INSERT ON user_interest_signals
      FOR EACH STATEMENT EXECUTE FUNCTION stop_after_insert();
"""


@contextmanager
def stopped_after_insert(watcher: Connection, url: str) -> Iterator[Connection]:
    """A session with an open transaction that stops after each INSERT while the lock is held."""
    watcher.execute(STOP)
    with psycopg.connect(url, application_name=STOPPED) as connection:
        yield connection


def wait_for_lock(
    watcher: Connection, connection: Connection, kind: str, running: Future[None]
) -> None:
    """Return once the connection waits for a lock of this kind."""
    waits = "SELECT FROM pg_locks WHERE pid = %s AND locktype = %s AND NOT granted"
    while watcher.execute(waits, [connection.info.backend_pid, kind]).fetchone() is None:
        assert not running.done()


def test_the_lock_is_held_although_its_row_was_deleted_while_it_was_taken(
    database: Database,
) -> None:
    url = database.admin_url
    with (
        operator(url) as watcher,
        psycopg.connect(url) as first,
        psycopg.connect(url, autocommit=True) as brake,
        stopped_after_insert(watcher, url) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute(INSERT, [VIEWER])
        brake.execute("SELECT pg_advisory_lock(1)")

        def locks() -> None:
            second.execute(LOCK, [VIEWER])

        running = pool.submit(locks)
        wait_for_lock(watcher, second, "transactionid", running)
        first.commit()
        wait_for_lock(watcher, second, "advisory", running)
        # The second session has found the row of the first, and has not locked it yet.
        watcher.execute("DELETE FROM user_interest_signals WHERE user_id = %s", [VIEWER])
        brake.execute("SELECT pg_advisory_unlock(1)")
        running.result(timeout=30)

        watcher.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            watcher.execute(LOCK, [VIEWER])
        second.commit()
        assert watcher.execute(LOCK, [VIEWER]).fetchone() == {"lock_viewer": 0}
