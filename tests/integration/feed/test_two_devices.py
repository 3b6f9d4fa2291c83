"""One viewer on two devices: what one has shown becomes a repeat for the other, no less."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from functions.feed_ranker.feed.drafting import Drafter
from tests.integration.feed.harness import Viewer, check_page, ids
from tests.integration.feed.lives import asks

if TYPE_CHECKING:
    from typing import Any

    from functions.feed_ranker.feed.request import FeedRequest
    from functions.feed_ranker.feed.work import Draft, Work
    from functions.feed_ranker.sessions.cache import CacheForRequest
    from functions.feed_ranker.sessions.ledger import AlreadyWritten
    from tests.integration.feed.harness import Harness


def two_devices(feed: Harness) -> tuple[Viewer, Viewer]:
    viewer = feed.viewer()
    return viewer, Viewer(feed, viewer.id)


def unseen_on(page: dict[str, Any]) -> set[str]:
    return {post["post_id"] for post in page["posts"] if not post["is_repeat"]}


@pytest.mark.parametrize(("posts", "size"), [(24, 12), (30, 12), (40, 12), (26, 6)])
def test_a_page_is_full_when_the_other_device_has_shown_the_whole_queue(
    feed: Harness, posts: int, size: int
) -> None:
    feed.add_posts(posts)
    phone, tablet = two_devices(feed)
    phone.next(size)
    for page in tablet.scroll(posts // size, size):
        tablet.records(page)
    page = phone.next(size)
    check_page(page, size, posts)
    assert not unseen_on(page) & {post for shown in tablet.pages for post in ids(shown)}
    assert not set(ids(page)) & set(ids(phone.pages[0])), "the others were not served here"
    assert ids(phone.page(size, cursor=phone.pages[0]["next_cursor"])) == ids(page)


def test_a_page_of_one_post_is_found_when_the_other_device_has_shown_the_whole_queue(
    feed: Harness,
) -> None:
    """A refused page tells of one post, and the queue holds more than a request tries pages."""
    feed.add_posts(60)
    phone, tablet = two_devices(feed)
    phone.next(1)
    for page in tablet.scroll(5):
        tablet.records(page)
    check_page(phone.next(1), 1, 60)


def test_posts_that_the_session_has_not_served_come_before_those_it_has(feed: Harness) -> None:
    feed.add_posts(36)
    phone, tablet = two_devices(feed)
    served = {post for page in phone.scroll(2) for post in ids(page)}
    *_, page = pages = list(tablet.scroll(3))
    others = [post for each in pages for post in each["posts"] if post["post_id"] not in served]
    page["posts"] = others[:6]
    tablet.records(page)
    third = phone.next()
    check_page(third, 12, 36)
    assert not set(ids(third)) & served


def test_devices_that_take_turns_get_full_pages_for_as_long_as_they_like(feed: Harness) -> None:
    feed.add_posts(40)
    devices = two_devices(feed)
    for turn in range(24):
        device = devices[turn % 2]
        page = device.next()
        check_page(page, 12, 40)
        device.records(page)


def test_a_refilled_page_leaves_the_next_one_a_hit_even_without_postgres(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    first = viewer.next()
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", ids(first)[3])
    assert ids(viewer.page(session_id=first["session_id"])) != ids(first)
    lost = feed.new_container(DATABASE_URL="postgresql://vroom_app@127.0.0.1:9/vroom")
    assert viewer.page(cursor=viewer.cursor, container=lost)["degraded"] == "database"
    second = viewer.next()
    assert (second["cache"], second["stale_cursor"]) == ("hit", False)


def test_what_was_served_and_withdrawn_comes_back_as_a_repeat(feed: Harness) -> None:
    feed.add_posts(13)
    viewer = feed.viewer()
    first = viewer.next()
    gone = ids(first)[3]
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", gone)
    assert gone not in ids(viewer.page(session_id=first["session_id"]))
    feed.execute("UPDATE posts SET visibility = 'public' WHERE id = %s", gone)
    second = viewer.next(13)
    check_page(second, 13, 13)
    assert gone in ids(second)
    assert gone not in unseen_on(second)


def test_a_page_that_postgres_could_not_fill_is_whole_when_it_is_asked_again(feed: Harness) -> None:
    feed.add_posts(40)
    viewer = feed.viewer()
    viewer.next()
    lost = feed.new_container(DATABASE_URL="postgresql://vroom_app@127.0.0.1:9/vroom")
    short = viewer.page(40, cursor=viewer.cursor, container=lost)
    assert short["degraded"] == "database"
    assert len(short["posts"]) < 40
    again = viewer.page(40, cursor=viewer.cursor)
    check_page(again, 40, 40)
    assert ids(again)[: len(short["posts"])] == ids(short)


def test_pages_of_any_size_come_from_one_queue(feed: Harness) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    pages = [viewer.next(size) for size in (12, 6, 12, 3, 10)]
    assert [page["cache"] for page in pages] == ["miss", "hit", "hit", "hit", "hit"]


def test_a_viewer_with_nothing_to_see_is_not_told_of_expired_queues(feed: Harness) -> None:
    viewer = feed.viewer()
    for page in viewer.scroll(3):
        check_page(page, 12, 0)
        assert page["stale_cursor"] is False


def test_a_refused_creator_leaves_a_page_full_on_the_other_device(feed: Harness) -> None:
    feed.add_posts(60, creators=6)
    phone, tablet = two_devices(feed)
    first = phone.next()
    asks(tablet, "hide_creator", creator_id=first["posts"][0]["creator_id"])
    page = phone.page(session_id=first["session_id"])
    check_page(page, 12, 50)


def test_no_request_fails_while_posts_are_taken_down_in_bulk(
    feed: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three posts or more go with each draft; one or two would outlast a request's attempts."""
    posts = feed.add_posts(400)
    viewer = feed.viewer()
    first = viewer.next(50)
    doomed = [*ids(first)[:45], *map(str, posts)][:200]
    draft, change, gone, ended, drafts = Drafter.draft, threading.Condition(), 0, False, 0

    def take_down() -> None:
        nonlocal gone, ended
        try:
            for post in doomed:
                feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", post)
                with change:
                    gone += 1
                    change.notify_all()
        finally:
            with change:
                ended = True
                change.notify_all()

    def draft_late(
        drafter: Drafter, request: FeedRequest, work: Work, cache: CacheForRequest
    ) -> Draft | AlreadyWritten:
        nonlocal drafts
        drafts += 1
        drafted = draft(drafter, request, work, cache)
        with change:
            change.wait_for(lambda: ended or gone >= 3 * drafts)
        return drafted

    monkeypatch.setattr(Drafter, "draft", draft_late)
    with ThreadPoolExecutor(1) as thread:
        taking = thread.submit(take_down)
        while not taking.done():
            assert len(viewer.page(50, session_id=first["session_id"])["posts"]) == 50
        taking.result()
