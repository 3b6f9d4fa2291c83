"""What viewers get while Postgres, DynamoDB or both are gone, and after they return."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from shared.errors import DatabaseUnavailableError, UnavailableError
from tests.integration.feed.harness import (
    Harness,
    assert_no_repeat_while_unserved,
    check_page,
    ids,
)
from tests.integration.feed.test_races import as_shown, at_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from mypy_boto3_dynamodb import DynamoDBClient

    from functions.feed_ranker.container import Container
    from shared.postgres import Statement

NOBODY = "127.0.0.1:9"  # the discard port: connections are refused


@pytest.fixture
def without_database(feed: Harness) -> Container:
    return feed.new_container(DATABASE_URL=f"postgresql://vroom_app@{NOBODY}/vroom")


@pytest.fixture
def without_cache(feed: Harness) -> Container:
    return feed.new_container(DYNAMODB_ENDPOINT_URL=f"http://{NOBODY}")


def test_without_the_cache_the_feed_comes_from_postgres(
    feed: Harness, without_cache: Container
) -> None:
    feed.add_posts(100)
    viewer = feed.viewer()
    for _ in range(10):
        page = viewer.next(container=without_cache)
        assert page["degraded"] == "cache"
        assert len(set(ids(page))) == 12
    assert_no_repeat_while_unserved(viewer.pages, 100)


def test_a_cache_lost_and_found_changes_no_page(feed: Harness, without_cache: Container) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    first = viewer.next()
    second = viewer.next(container=without_cache)
    third = viewer.next(container=without_cache)
    fourth = viewer.next()
    assert [p["degraded"] for p in viewer.pages] == [None, "cache", "cache", None]
    assert ids(viewer.page(cursor=first["next_cursor"])) == ids(second)
    again = viewer.page(cursor=second["next_cursor"], container=without_cache)
    assert as_shown(again) == as_shown(third)
    check_page(fourth, 12, 300)
    assert_no_repeat_while_unserved(viewer.pages, 300)


def test_without_postgres_the_cached_queue_serves_on(
    feed: Harness, without_database: Container
) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    replay = viewer.page(cursor=first["next_cursor"], container=without_database)
    assert ids(replay) == ids(second)
    assert replay["degraded"] == "database"
    while True:
        try:
            page = viewer.next(container=without_database)
        except UnavailableError as error:
            assert error.retry_after_s > 0  # noqa: PT017  # the loop ends so
            break
        assert page["degraded"] == "database"
        assert page["posts"]
        assert all(post["caption"] == "" and post["hls_url"] for post in page["posts"])
    assert len(viewer.pages) >= 5
    after = [viewer.next() for _ in range(6)]
    assert all(page["degraded"] is None for page in after)
    assert_no_repeat_while_unserved(viewer.pages, 300)


def test_pages_that_follow_from_their_queue_are_the_same_without_postgres(
    feed: Harness, without_database: Container, dynamodb: DynamoDBClient
) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    cursors = [page["next_cursor"] for page in viewer.scroll(4)]
    assert len(dynamodb.scan(TableName=feed.table)["Items"]) == 1, "the first page's queue"
    for cursor, page in zip(cursors, viewer.pages[1:], strict=False):
        replay = viewer.page(cursor=cursor, container=without_database)
        assert ids(replay) == ids(page)
    again = [viewer.page(cursor=cursor) for cursor in cursors[:-1]]
    assert [as_shown(page) for page in again] == [as_shown(page) for page in viewer.pages[1:]]


@pytest.mark.parametrize("size", [1, 6, 20])
def test_another_size_asked_for_without_postgres_changes_no_page_that_stands(
    feed: Harness, without_database: Container, size: int
) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    replay = viewer.page(size, cursor=first["next_cursor"], container=without_database)
    assert ids(replay) == ids(second)[:size]
    again = viewer.page(cursor=first["next_cursor"])
    assert as_shown(again) == as_shown(second)


@pytest.mark.parametrize("size", [6, 20])
def test_a_page_of_another_size_than_its_queues_is_the_same_without_postgres(
    feed: Harness, without_database: Container, size: int
) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next(size)
    replay = viewer.page(size, cursor=first["next_cursor"], container=without_database)
    assert ids(replay) == ids(second)


def test_a_post_that_was_withdrawn_does_not_come_back_when_postgres_goes(
    feed: Harness, without_database: Container
) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    gone = ids(second)[3]
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", gone)
    refilled = viewer.page(cursor=first["next_cursor"])
    kept = [post for post in ids(second) if post != gone]
    assert [post for post in ids(refilled) if post in kept] == kept
    replay = viewer.page(cursor=first["next_cursor"], container=without_database)
    assert gone not in ids(replay)
    third_at = viewer.cursor
    coming = ids(viewer.page(cursor=third_at, container=without_database))
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", coming[0])
    third = viewer.page(cursor=third_at)
    assert coming[0] not in ids(third)
    replay = viewer.page(cursor=third_at, container=without_database)
    assert ids(replay) == [post for post in ids(third) if post in ids(replay)]
    assert coming[0] not in ids(replay)


def test_pages_served_without_postgres_are_not_served_again_after_a_stale_queue(
    feed: Harness, without_database: Container
) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    viewer.next(container=without_database)
    viewer.next(container=without_database)
    feed.now += timedelta(minutes=5)
    assert viewer.next()["stale_cursor"] is True
    for _ in range(8):
        viewer.next()
    assert_no_repeat_while_unserved(viewer.pages, 200)


def test_racing_requests_without_postgres_get_one_page(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    gone = f"postgresql://vroom_app@{NOBODY}/vroom"
    pages = at_once(
        feed,
        lambda _: viewer.page(
            cursor=viewer.cursor, container=feed.new_container(DATABASE_URL=gone)
        ),
        times=8,
    )
    assert len({as_shown(page) for page in pages}) == 1
    assert ids(viewer.page(cursor=viewer.cursor)) == ids(pages[0])


def test_an_old_queue_does_not_stand_in_for_postgres(
    feed: Harness, without_database: Container
) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    feed.now += timedelta(seconds=300)
    viewer.page(cursor=viewer.cursor, container=without_database)
    feed.now += timedelta(hours=1)
    with pytest.raises(UnavailableError):
        viewer.page(cursor=viewer.cursor, container=without_database)


def test_without_both_there_is_no_feed(feed: Harness) -> None:
    feed.add_posts(30)
    nothing = feed.new_container(
        DATABASE_URL=f"postgresql://vroom_app@{NOBODY}/vroom",
        DYNAMODB_ENDPOINT_URL=f"http://{NOBODY}",
    )
    viewer = feed.viewer()
    viewer.next()
    for cursor in [None, viewer.cursor]:
        with pytest.raises(UnavailableError):
            viewer.page(cursor=cursor, container=nothing)


def test_a_new_session_needs_postgres(feed: Harness, without_database: Container) -> None:
    feed.add_posts(30)
    with pytest.raises(UnavailableError):
        feed.viewer().page(container=without_database)


def test_a_slow_postgres_is_given_up_within_its_budget(feed: Harness) -> None:
    feed.add_posts(100)
    viewer = feed.viewer()
    viewer.next()
    impatient = feed.new_container(DATABASE_BUDGET_MS="200")
    impatient.database.run(viewer=None, budget_s=5.0)
    with feed.admin.transaction():
        feed.execute("LOCK TABLE feed_pages IN ACCESS EXCLUSIVE MODE")
        page = viewer.page(cursor=viewer.cursor, container=impatient)
    assert page["degraded"] == "database"
    assert ids(viewer.next()) == ids(page)


def test_a_cut_connection_is_replaced_without_anybody_noticing(feed: Harness) -> None:
    feed.add_posts(100)
    viewer = feed.viewer()
    viewer.next()
    feed.execute(
        # Connections to other databases of the server are those of other tests.
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE usename = 'vroom_app' AND datname = current_database()"
    )
    page = viewer.next()
    assert page["degraded"] is None
    assert viewer.records(page)["accepted"] == 12


def test_impressions_that_were_accepted_are_there_and_others_are_refused(
    feed: Harness, without_database: Container
) -> None:
    feed.add_posts(40)
    viewer = feed.viewer()
    first = viewer.next()
    assert viewer.records(first)["accepted"] == 12
    feed.container, kept = without_database, feed.container
    with pytest.raises(DatabaseUnavailableError):
        viewer.records(first)
    feed.container = kept
    assert viewer.records(viewer.next())["accepted"] == 12
    (stored,) = feed.admin.execute("SELECT count(*) FROM user_post_impressions").fetchone() or ()
    assert stored == 24


class _LosesTheAnswer:
    """Runs the statements, then claims that Postgres did not answer: committed, yet unknown."""

    def __init__(self, container: Container) -> None:
        self._database = container.database
        self.times = 1

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        rows = self._database.run(*statements, viewer=viewer, budget_s=budget_s)
        if statements and b"commit_page" in statements[0].sql and self.times:
            self.times -= 1
            raise DatabaseUnavailableError
        return rows

    def close(self) -> None:
        self._database.close()


def test_a_page_whose_commit_was_not_answered_is_the_page_that_the_retry_gets(
    feed: Harness,
) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    flaky = feed.new_container()
    object.__setattr__(flaky.feed.ledger, "database", _LosesTheAnswer(flaky))
    lost = viewer.page(cursor=viewer.cursor, container=flaky)
    assert lost["degraded"] == "database"
    assert ids(viewer.page(cursor=viewer.cursor)) == ids(lost)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def test_a_cache_that_hangs_is_given_up(feed: Harness, silent_port: int) -> None:
    feed.add_posts(100)
    hanging = feed.new_container(
        DYNAMODB_ENDPOINT_URL=f"http://127.0.0.1:{silent_port}", CACHE_BUDGET_MS="100"
    )
    viewer = feed.viewer()
    assert [viewer.next(container=hanging)["degraded"] for _ in range(3)] == ["cache"] * 3
    assert_no_repeat_while_unserved(viewer.pages, 100)


def test_a_postgres_that_hangs_is_given_up(feed: Harness, silent_port: int) -> None:
    feed.add_posts(100)
    viewer = feed.viewer()
    viewer.next()
    hanging = feed.new_container(
        DATABASE_URL=f"postgresql://vroom_app@127.0.0.1:{silent_port}/vroom"
    )
    assert viewer.page(cursor=viewer.cursor, container=hanging)["degraded"] == "database"
