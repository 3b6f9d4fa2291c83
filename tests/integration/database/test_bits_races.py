import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest

from tests.conftest import Database
from tests.integration.database.bits import check
from tests.integration.database.clients import Connection, operator

VIEWER = uuid.uuid4()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with operator(database.admin_url) as open_connection:
        yield open_connection


def when_it_waits_or_is_done(
    watcher: Connection, pid: int, running: Future[None], then: Callable[[], None]
) -> None:
    """Calls `then` once the other connection is blocked by a lock, or has finished."""
    waits = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    while not running.done() and watcher.execute(waits, [pid]).fetchone() is None:
        pass
    then()
    running.result(timeout=120)


@pytest.fixture
def seen_twice(connection: Connection) -> tuple[UUID, UUID]:
    """Two impressions of one post by one viewer: their events."""
    events = (uuid.uuid4(), uuid.uuid4())
    connection.execute(
        "INSERT INTO posts (creator_id, mux_ready, mux_playback_id)"
        " VALUES (gen_random_uuid(), true, 'p')"
    )
    connection.execute(
        "INSERT INTO user_post_impressions (user_id, event_id, post_id)"
        " SELECT %s, e, id FROM posts, unnest(%s::uuid[]) e",
        [VIEWER, list(events)],
    )
    return events


DELETE: LiteralString = "DELETE FROM user_post_impressions WHERE event_id = %s"
INSERT: LiteralString = (
    "INSERT INTO user_post_impressions (user_id, event_id, post_id)"
    " SELECT %s, gen_random_uuid(), id FROM posts"
)


def race(
    connection: Connection,
    url: str,
    first: tuple[LiteralString, list[object]],
    second: tuple[LiteralString, list[object]],
) -> None:
    """Runs the second statement while the first one's transaction is still open."""
    with psycopg.connect(url) as one, psycopg.connect(url) as two, ThreadPoolExecutor(1) as pool:
        one.execute(*first)

        def overtaken() -> None:
            two.execute(*second)
            two.commit()

        running = pool.submit(overtaken)
        when_it_waits_or_is_done(connection, two.info.backend_pid, running, one.commit)


def test_the_last_two_impressions_of_a_post_deleted_at_once_clear_its_bit(
    connection: Connection, database: Database, seen_twice: tuple[UUID, UUID]
) -> None:
    one, two = seen_twice
    race(connection, database.admin_url, (DELETE, [one]), (DELETE, [two]))
    check(connection)


def test_an_impression_recorded_while_the_others_are_deleted_keeps_its_bit(
    connection: Connection, database: Database, seen_twice: tuple[UUID, UUID]
) -> None:
    connection.execute(DELETE, [seen_twice[0]])
    race(connection, database.admin_url, (INSERT, [VIEWER]), (DELETE, [seen_twice[1]]))
    check(connection)


def test_an_impression_recorded_behind_a_deletion_sets_the_bit_anew(
    connection: Connection, database: Database, seen_twice: tuple[UUID, UUID]
) -> None:
    connection.execute(DELETE, [seen_twice[0]])
    race(connection, database.admin_url, (DELETE, [seen_twice[1]]), (INSERT, [VIEWER]))
    check(connection)


def test_a_post_taken_down_and_restored_at_once_ends_as_the_last_writer_left_it(
    connection: Connection, database: Database, seen_twice: tuple[UUID, UUID]
) -> None:
    assert seen_twice
    down: LiteralString = "UPDATE posts SET visibility = 'removed'"
    restored: LiteralString = "UPDATE posts SET visibility = 'public'"
    race(connection, database.admin_url, (down, []), (restored, []))
    check(connection)
    race(connection, database.admin_url, (restored, []), (down, []))
    check(connection)
