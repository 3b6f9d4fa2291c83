"""The lock of a viewer, taken while an erasure deletes the row that stands for it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg
import pytest

from tests.conftest import Database
from tests.integration.database.clients import operator
from tests.integration.database.stopping import stopped_after, wait_for_lock

VIEWER = uuid.uuid4()
LOCK: LiteralString = "SELECT vroom_private.lock_viewer(%s)"
INSERT: LiteralString = "INSERT INTO user_interest_signals (user_id) VALUES (%s)"


def test_the_lock_is_held_although_its_row_was_deleted_while_it_was_taken(
    database: Database,
) -> None:
    url = database.admin_url
    with (
        operator(url) as watcher,
        ThreadPoolExecutor(1) as pool,
        stopped_after(watcher, url, "INSERT", "user_interest_signals") as (second, go_on),
        psycopg.connect(url) as first,
    ):
        first.execute(INSERT, [VIEWER])

        def locks() -> None:
            second.execute(LOCK, [VIEWER])

        running = pool.submit(locks)
        wait_for_lock(watcher, second, "transactionid", running)
        first.commit()
        wait_for_lock(watcher, second, "advisory", running)
        # The second session has found the row of the first, and has not locked it yet.
        watcher.execute("DELETE FROM user_interest_signals WHERE user_id = %s", [VIEWER])
        go_on()
        running.result(timeout=30)

        watcher.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            watcher.execute(LOCK, [VIEWER])
        second.commit()
        assert watcher.execute(LOCK, [VIEWER]).fetchone() == {"lock_viewer": 0}
