"""Queues that are ranked ahead, by what viewers report while they watch."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from functions.feed_ranker.feed.queue_builder import QueueBuilder
from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.telemetry import FeedTelemetry
from shared.errors import UnavailableError
from tests.integration.feed.harness import (
    Harness,
    Viewer,
    assert_no_repeat_while_unserved,
    check_page,
    ids,
)
from tests.integration.feed.lives import asks
from tests.integration.feed.test_races import as_shown, at_once

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from functions.feed_ranker.container import Container
    from shared.ranking import Parts

NOBODY = "127.0.0.1:9"
EACH = timedelta(seconds=10)  # of a post


@pytest.fixture
def rankings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the requests that ranked a queue."""
    made: list[str] = []
    rank = QueueBuilder._rank

    def counted(self: QueueBuilder, request: Any, *rest: Any) -> Any:  # noqa: ANN401
        made.append(request.request_id)
        return rank(self, request, *rest)

    monkeypatch.setattr(QueueBuilder, "_rank", counted)
    return made


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[Parts]:
    """What the parts of the score are told to have decided, ranking by ranking."""
    told: list[Parts] = []

    def tell(_: FeedTelemetry, shares: Parts | None) -> None:
        told.extend([shares] if shares else [])

    monkeypatch.setattr(FeedTelemetry, "decided", tell)
    return told


def watch(viewer: Viewer, posts: range, container: Container | None = None) -> None:
    """Watch posts of the last page, ten seconds each, and report each when it came into sight."""
    for i in posts:
        viewer.records(viewer.pages[-1], posts=slice(i, i + 1), container=container)
        viewer.harness.now += EACH


def watched_session(feed: Harness, pages: int) -> Viewer:
    """Watch pages to the end, each asked for when three posts of the one before are left."""
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(9))
    for _ in range(pages - 1):
        page = viewer.pages[-1]
        viewer.next()
        for i in range(9, 12):
            viewer.records(page, posts=slice(i, i + 1))
            feed.now += EACH
        watch(viewer, range(9))
    return viewer


def test_a_session_that_is_watched_finds_each_next_page_ranked(
    feed: Harness, rankings: list[str]
) -> None:
    feed.add_posts(500)
    viewer = watched_session(feed, 8)
    assert [page["cache"] for page in viewer.pages] == ["miss"] + ["hit"] * 7
    assert not any(page["stale_cursor"] for page in viewer.pages)
    assert len(rankings) <= 9, "one a page, and one for the page that nobody has asked for"
    for page in viewer.pages:
        check_page(page, 12, 500)
    assert_no_repeat_while_unserved(viewer.pages, 500)
    logged = feed.admin.execute(
        "SELECT prepared, trace ? 'found', trace ? 'ranked_by' FROM feed_requests ORDER BY page_no"
    ).fetchall()
    assert logged == [(False, True, False)] + [(True, True, True)] * 7
    stats = feed.admin.execute(
        "SELECT total_requests, cache_hits, prepared_hits FROM feed_stats"
    ).fetchone()
    assert stats == (8, 7, 7)


def test_what_the_parts_decided_is_told_of_prepared_rankings_too(
    decided: list[Parts], feed: Harness, rankings: list[str]
) -> None:
    feed.add_posts(500)
    watched_session(feed, 4)
    assert len(decided) == len(rankings) >= 4
    assert all(sum(shares) == pytest.approx(1.0) for shares in decided)


def test_a_prepared_queue_knows_what_was_just_reported(feed: Harness) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(4))
    coming = ids(Viewer(feed, viewer.id).page(50))
    feed.sees(viewer.id, [UUID(post) for post in coming])
    watch(viewer, range(4, 9))
    page = viewer.next()
    assert page["cache"] == "hit"
    assert not set(ids(page)) & set(coming)
    (withdrawn,) = feed.admin.execute(
        "SELECT count(*) FROM feed_requests WHERE trace ? 'withdrawn'"
    ).fetchone() or (None,)
    assert withdrawn == 0


def test_a_prepared_queue_knows_the_neighbours_of_what_was_just_watched(feed: Harness) -> None:
    """Co-visits of all viewers come with the roll-up; of what they are asked for is up to date."""
    feed.add_posts(300)
    neighbours = feed.add_posts(6, age=timedelta(days=300))
    viewer = feed.viewer()
    page = viewer.next()
    watch(viewer, range(5))
    told = "SELECT %s, n, vroom_private.hot_score(now(), 50) FROM unnest(%s::uuid[]) AS n"
    feed.execute(
        f"INSERT INTO post_covisits (post_id, next_post_id, score) {told}",
        page["posts"][5]["post_id"],
        neighbours,
    )
    viewer.watches(page, posts=slice(5, 6))
    watch(viewer, range(5, 9))
    following = viewer.next()
    assert following["cache"] == "hit"
    assert set(ids(following)) & set(map(str, neighbours))
    first = Viewer(feed, viewer.id).next()
    assert set(ids(first)) & set(map(str, neighbours))


def test_a_prepared_queue_is_never_older_than_a_minute(feed: Harness, rankings: list[str]) -> None:
    feed.add_posts(500)
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(9))
    assert len(rankings) == 2
    feed.now += timedelta(seconds=60)
    page = viewer.next()
    assert (page["cache"], page["stale_cursor"]) == ("miss", True)
    check_page(page, 12, 500)


def test_nothing_is_ranked_ahead_while_the_queue_lives(feed: Harness, rankings: list[str]) -> None:
    feed.add_posts(500)
    viewer = feed.viewer()
    for _ in range(3):
        viewer.next()
        for i in range(12):
            viewer.records(viewer.pages[-1], posts=slice(i, i + 1))
            feed.now += timedelta(seconds=1)
    assert len(rankings) == 1
    assert [page["cache"] for page in viewer.pages] == ["miss", "hit", "hit"]


def test_what_arrives_long_after_it_was_watched_causes_no_work(
    feed: Harness, rankings: list[str]
) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    feed.now += timedelta(hours=5)
    viewer.records(viewer.pages[-1])
    viewer.watches(viewer.pages[-1])
    assert len(rankings) == 1


def test_racing_batches_rank_once(feed: Harness, rankings: list[str]) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    feed.now += 8 * EACH
    page = viewer.pages[-1]
    answers = at_once(feed, lambda c: viewer.records(page, posts=slice(0, 9), container=c), times=8)
    assert all(answer["accepted"] == 9 for answer in answers)
    assert len(rankings) == 2
    assert viewer.next()["cache"] == "hit"


def test_watches_alone_prepare_in_the_session_that_saw_the_post(
    feed: Harness, rankings: list[str]
) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    other = Viewer(feed, viewer.id)
    viewer.next()
    other.next()
    nobody = feed.new_container(PREPARE_BUDGET_MS="0")
    watch(viewer, range(8), nobody)
    assert len(rankings) == 2
    viewer.watches(viewer.pages[-1], posts=slice(6, 8))
    assert len(rankings) == 3
    assert viewer.next()["cache"] == "hit"
    assert other.next()["cache"] == "miss"


def test_two_sessions_at_once_are_prepared_apart(feed: Harness, rankings: list[str]) -> None:
    feed.add_posts(600)
    viewer = feed.viewer()
    phone, tablet = Viewer(feed, viewer.id), Viewer(feed, viewer.id)
    for each in (phone, tablet):
        each.next()
    for i in range(9):
        for each in (phone, tablet):
            each.records(each.pages[-1], posts=slice(i, i + 1))
        feed.now += EACH
    assert len(rankings) == 4
    for each in (phone, tablet):
        page = each.next()
        assert page["cache"] == "hit"
        check_page(page, 12, 600)
        seen = {post for both in (phone, tablet) for post in ids(both.pages[0])[:9]}
        assert not set(ids(page)) & (seen | set(ids(each.pages[0])))


def test_a_creator_hidden_after_the_preparation_is_not_shown(feed: Harness) -> None:
    creator = uuid4()
    theirs = {str(post) for post in feed.add_posts(40, creator=creator, age=timedelta(hours=1))}
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(9))
    asks(viewer, "hide_creator", creator_id=str(creator))
    page = viewer.next()
    check_page(page, 12, 200)
    assert not theirs & set(ids(page))


def test_posts_removed_after_the_preparation_are_not_shown(feed: Harness) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(9))
    gone = ids(viewer.page(cursor=viewer.cursor))[:4]
    other = Viewer(feed, viewer.id)
    other.next()
    watch(other, range(9))
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = ANY (%s)", gone)
    for each in (viewer, other):
        page = each.next()
        assert page["cache"] == "hit"
        check_page(page, 12, 296)
        assert not set(gone) & set(ids(page))


@pytest.mark.parametrize("size", [1, 6, 20, 50])
def test_another_page_size_than_the_one_that_was_prepared_is_served(
    feed: Harness, size: int
) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(9))
    page = viewer.next(size)
    assert page["cache"] == ("hit" if size <= 12 else "miss")
    check_page(page, size, 400)
    for _ in range(4):
        check_page(viewer.next(), 12, 400)
    assert_no_repeat_while_unserved(viewer.pages, 400)


def test_a_prepared_page_is_replayed_as_it_was(feed: Harness) -> None:
    feed.add_posts(400)
    viewer = watched_session(feed, 3)
    cursors = [page["next_cursor"] for page in viewer.pages]
    without = feed.new_container(DATABASE_URL=f"postgresql://vroom_app@{NOBODY}/vroom")
    for cursor, page in zip(cursors, viewer.pages[1:], strict=False):
        assert as_shown(viewer.page(cursor=cursor)) == as_shown(page)
        if page is viewer.pages[-1]:
            assert ids(viewer.page(cursor=cursor, container=without)) == ids(page)


def test_requests_that_race_for_a_prepared_page_get_one(feed: Harness) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(9))
    pages = at_once(feed, lambda c: viewer.page(cursor=viewer.cursor, container=c))
    assert len({as_shown(page) for page in pages}) == 1
    assert {page["cache"] for page in pages} == {"hit"}


def test_without_postgres_the_prepared_queue_serves(feed: Harness) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    viewer.next()
    watch(viewer, range(9))
    without = feed.new_container(DATABASE_URL=f"postgresql://vroom_app@{NOBODY}/vroom")
    page = viewer.next(container=without)
    assert (page["degraded"], len(page["posts"])) == ("database", 12)
    again = viewer.page(cursor=viewer.pages[0]["next_cursor"])
    assert ids(again) == ids(page)
    assert again["degraded"] is None
    check_page(viewer.next(), 12, 400)
    assert_no_repeat_while_unserved(viewer.pages, 400)


def test_a_page_served_while_its_queue_was_being_prepared_stands(
    feed: Harness, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    viewer.next()
    rank = QueueBuilder.rank
    served: list[dict[str, Any]] = []

    def overtaken(self: QueueBuilder, *given: Any, **more: Any) -> Any:  # noqa: ANN401
        if more.get("unwritten"):
            served.append(viewer.page(cursor=viewer.cursor))
        return rank(self, *given, **more)

    monkeypatch.setattr(QueueBuilder, "rank", overtaken)
    watch(viewer, range(9))
    (page,) = served
    assert as_shown(viewer.page(cursor=viewer.cursor)) == as_shown(page)
    without = feed.new_container(DATABASE_URL=f"postgresql://vroom_app@{NOBODY}/vroom")
    assert ids(viewer.page(cursor=viewer.cursor, container=without)) == ids(page)
    items = dynamodb.scan(TableName=feed.table)["Items"]
    assert not any("claim" in item for item in items)


def test_a_lost_cache_costs_no_batch_anything(feed: Harness, rankings: list[str]) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    feed.now += 8 * EACH
    without = feed.new_container(DYNAMODB_ENDPOINT_URL=f"http://{NOBODY}")
    done = viewer.records(viewer.pages[-1], posts=slice(0, 9), container=without)
    assert done == {"accepted": 9, "duplicates": 0, "rejected": []}
    assert len(rankings) == 1
    page = viewer.next()
    assert page["stale_cursor"] is True
    check_page(page, 12, 200)


def test_a_slow_postgres_costs_a_miss_and_keeps_nobody_else_from_asking(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    feed.now += 8 * EACH
    hurried = feed.new_container(PREPARE_BUDGET_MS="200")
    hurried.database.run(viewer=None, budget_s=5.0)
    with feed.admin.transaction():
        feed.execute("LOCK TABLE user_interest_signals IN ACCESS EXCLUSIVE MODE")
        done = viewer.records(viewer.pages[-1], posts=slice(0, 9), container=hurried)
    assert done == {"accepted": 9, "duplicates": 0, "rejected": []}
    page = viewer.next(container=hurried)
    assert (page["degraded"], page["cache"]) == (None, "miss")


def test_pages_that_cannot_be_read_cost_no_batch_anything(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    viewer.records(viewer.pages[-1], posts=slice(0, 9))
    with feed.admin.transaction():
        feed.execute("LOCK TABLE feed_pages IN ACCESS EXCLUSIVE MODE")
        done = viewer.watches(viewer.pages[-1], posts=slice(0, 9))
    assert done == {"accepted": 9, "duplicates": 0, "rejected": []}


def test_a_database_that_only_reads_refuses_the_batch_and_prepares_nothing(
    feed: Harness, rankings: list[str]
) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    feed.now += 8 * EACH
    # Of this database alone: other tests log in as the same role to others of the server.
    role = f'ALTER ROLE vroom_app IN DATABASE "{feed.admin.info.dbname}"'
    feed.execute(f"{role} SET default_transaction_read_only = on")
    try:
        reading = feed.new_container()
        with pytest.raises(UnavailableError):
            viewer.records(viewer.pages[-1], posts=slice(0, 9), container=reading)
    finally:
        feed.execute(f"{role} RESET default_transaction_read_only")
    assert len(rankings) == 1


def test_a_page_is_claimed_once_whichever_sessions_take_turns(feed: Harness) -> None:
    feed.add_posts(50)
    viewer = feed.viewer()
    others = [Viewer(feed, viewer.id) for _ in range(3)]
    for each in (viewer, *others):
        each.next()
    preparer = feed.container._preparer
    assert preparer is not None

    def claims() -> list[bool]:
        places = [Position(each.session, page_no=1) for each in (viewer, *others) if each.session]
        return [preparer.queues.claim(viewer.id, place) for place in places]

    assert claims() == [True] * 4
    assert claims() == [False] * 4


def test_a_page_that_is_written_cannot_be_claimed(feed: Harness) -> None:
    feed.add_posts(50)
    viewer = feed.viewer()
    viewer.next()
    preparer = feed.container._preparer
    assert preparer is not None
    assert viewer.session is not None
    assert not preparer.queues.claim(viewer.id, Position(viewer.session, page_no=0))
