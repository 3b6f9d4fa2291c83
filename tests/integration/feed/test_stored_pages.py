"""Pages as they were written: replayed, refilled, expired, and told apart by their cursors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from shared.errors import InvalidInputError
from tests.integration.feed.harness import (
    Harness,
    Viewer,
    assert_no_repeat_while_unserved,
    check_page,
    ids,
)
from tests.integration.feed.test_races import as_shown

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_a_retry_gets_the_same_page(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    cursors: list[Any] = [None]
    cursors += [page["next_cursor"] for page in viewer.scroll(7)]
    session = str(viewer.session)
    again = [viewer.page(session_id=session, cursor=cursor) for cursor in cursors[:-1]]
    assert [as_shown(p) for p in again] == [as_shown(p) for p in viewer.pages]
    assert {p["cache"] for p in again} == {"hit"}


def test_the_queue_of_a_session_is_used_until_it_expires(feed: Harness) -> None:
    feed.add_posts(500)
    viewer = feed.viewer()
    assert [viewer.next()["cache"] for _ in range(4)] == ["miss", "hit", "hit", "hit"]
    feed.now += timedelta(seconds=61)
    page = viewer.next()
    assert (page["cache"], page["stale_cursor"]) == ("miss", True)
    assert viewer.next()["cache"] == "hit"
    assert viewer.pages[-1]["stale_cursor"] is False
    assert_no_repeat_while_unserved(viewer.pages, 500)


def test_a_viewer_who_outruns_a_queue_gets_a_longer_one_until_one_expires(feed: Harness) -> None:
    feed.add_posts(1_000)
    viewer = feed.viewer()
    answers = [page["cache"] for page in viewer.scroll(30)]
    assert answers.count("hit") / len(answers) >= 0.85
    feed.now += timedelta(seconds=61)
    assert viewer.next()["cache"] == "miss"
    assert_no_repeat_while_unserved(viewer.pages, 1_000)
    rows = feed.admin.execute(
        "SELECT (trace ->> 'ranked')::integer FROM feed_requests"
        " WHERE session_id = %s AND NOT cache_hit ORDER BY page_no",
        [viewer.session],
    )
    assert [ranked for (ranked,) in rows] == [48, 120, 120, 120, 48]


def test_a_session_goes_on_after_days_without_repeating_itself(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    for _ in range(10):
        check_page(viewer.next(), 12, 200)
        feed.now += timedelta(days=1)
    assert all(page["stale_cursor"] for page in viewer.pages[1:])
    assert_no_repeat_while_unserved(viewer.pages, 200)


def test_items_that_expired_but_are_still_there_are_not_read(
    feed: Harness, dynamodb: DynamoDBClient
) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    items = dynamodb.scan(TableName=feed.table)["Items"]
    assert len(items) == 1, "the second page follows from the first one's queue"
    past = str(int(feed.now.timestamp()) - 1)
    for item in items:
        dynamodb.put_item(TableName=feed.table, Item={**item, "expires_at": {"N": past}})
    assert as_shown(viewer.page(cursor=first["next_cursor"])) == as_shown(second)
    third = viewer.next()
    assert third["stale_cursor"] is True
    check_page(third, 12, 200)
    assert_no_repeat_while_unserved([first, second, third], 200)


def test_a_lost_cache_changes_no_page_that_was_served(
    feed: Harness, dynamodb: DynamoDBClient
) -> None:
    feed.add_posts(100)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    for item in dynamodb.scan(TableName=feed.table)["Items"]:
        dynamodb.delete_item(TableName=feed.table, Key={k: item[k] for k in ("pk", "sk")})
    assert as_shown(viewer.page(cursor=first["next_cursor"])) == as_shown(second)
    viewer.next()
    assert_no_repeat_while_unserved(viewer.pages, 100)


@pytest.mark.parametrize("catalogue", [14, 40, 400])
def test_a_removed_post_vanishes_from_the_replay_which_stays_full(
    feed: Harness, catalogue: int
) -> None:
    feed.add_posts(catalogue)
    viewer = feed.viewer()
    first, second, third = (viewer.next() for _ in range(3))
    gone = [ids(second)[0], ids(second)[7]]
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = ANY (%s)", gone)
    replay = viewer.page(cursor=first["next_cursor"])
    check_page(replay, 12, catalogue - 2)
    assert not set(gone) & set(ids(replay))
    kept = [post for post in ids(second) if post not in gone]
    assert [post for post in ids(replay) if post in kept] == kept
    assert as_shown(viewer.page(cursor=first["next_cursor"])) == as_shown(replay)
    assert replay["next_cursor"] == second["next_cursor"]
    if catalogue == 400:
        assert not {*ids(first), *ids(third)} & set(ids(replay))
        assert not any(post["is_repeat"] for post in replay["posts"])
        rest = [viewer.next() for _ in range(5)]
        assert not {post for page in rest for post in ids(page)} & set(ids(replay))


def test_a_post_removed_a_moment_ago_is_not_taken_from_the_cached_queue(feed: Harness) -> None:
    posts = feed.add_posts(400)
    viewer = feed.viewer()
    first = viewer.next()
    gone = [str(post) for post in posts if str(post) not in ids(first)][:300]
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = ANY (%s)", gone)
    for page in viewer.scroll(6):
        check_page(page, 12, 100)
        assert not set(gone) & set(ids(page))
    assert_no_repeat_while_unserved(viewer.pages, 100)


def test_what_another_session_has_seen_meanwhile_is_not_taken_from_the_cached_queue(
    feed: Harness,
) -> None:
    feed.add_posts(400)
    viewer = feed.viewer()
    viewer.next()
    coming = ids(Viewer(feed, viewer.id).page(50))
    feed.sees(viewer.id, [UUID(post) for post in coming])
    for page in viewer.scroll(8):
        check_page(page, 12, 400)
        assert not set(coming) & set(ids(page))


def test_an_emptied_catalogue_is_empty_at_once(feed: Harness) -> None:
    feed.add_posts(30)
    viewer = feed.viewer()
    viewer.next()
    feed.execute("TRUNCATE posts")
    assert viewer.next()["posts"] == []
    feed.add_posts(20)
    check_page(viewer.next(), 12, 20)


def test_hiding_a_creator_counts_from_the_next_page_on(feed: Harness) -> None:
    creator = feed.viewer().id
    theirs = {str(post) for post in feed.add_posts(30, creator=creator)}
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    feed.execute(
        "INSERT INTO feedback (user_id, action, creator_id) VALUES (%s, 'hide_creator', %s)",
        viewer.id,
        creator,
    )
    for page in viewer.scroll(8):
        check_page(page, 12, 200)
        assert not theirs & set(ids(page))


def test_another_viewer_cannot_use_a_cursor(feed: Harness) -> None:
    feed.add_posts(30)
    viewer, other = feed.viewer(), feed.viewer()
    viewer.next()
    with pytest.raises(InvalidInputError) as refused:
        other.page(cursor=viewer.cursor)
    assert [p.field for p in refused.value.problems] == ["cursor"]
    with pytest.raises(InvalidInputError):
        viewer.page(cursor=viewer.cursor, session_id=str(uuid4()))


def test_a_session_id_of_another_viewer_opens_nothing_of_theirs(feed: Harness) -> None:
    feed.add_posts(30)
    viewer, other = feed.viewer(), feed.viewer()
    mine = viewer.next()
    theirs = other.page(session_id=str(viewer.session))
    assert theirs["next_cursor"] != mine["next_cursor"]
    (pages,) = feed.admin.execute("SELECT count(*) FROM feed_pages").fetchone() or ()
    assert pages == 2


def test_every_request_leaves_one_row_of_figures(feed: Harness) -> None:
    feed.add_posts(100)
    viewer = feed.viewer()
    pages = [viewer.next() for _ in range(3)]
    pages.append(viewer.page(cursor=pages[0]["next_cursor"]))
    rows = feed.admin.execute(
        "SELECT request_id::text, cache_hit, page_no, sources FROM feed_requests"
        " ORDER BY created_at"
    ).fetchall()
    assert [row[0] for row in rows] == [page["request_id"] for page in pages]
    assert [row[1] for row in rows] == [False, True, True, True]
    assert [row[2] for row in rows] == [0, 1, 2, 1]
    assert all(sum(row[3].values()) == 12 for row in rows)
