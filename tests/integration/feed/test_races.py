"""One page n, however many ask for it at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.feed_ranker.events import impressions
from functions.feed_ranker.requests import ImpressionBatch
from shared.errors import DatabaseUnavailableError
from tests.integration.feed.harness import Harness, Viewer, check_page, ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.feed_ranker.container import Container

AT_ONCE = 16


def at_once(feed: Harness, ask: Callable[[Any], Any], times: int = AT_ONCE) -> list[Any]:
    """Call `ask` with a container of its own, from as many threads, all at the same moment.

    Raises:
        Exception: A thread failed. If one cannot connect, none waits for it.
    """
    barrier = Barrier(times)

    def run(_: int) -> Any:  # noqa: ANN401  # whatever is asked
        container = feed.new_container()
        try:
            connect(container)
            barrier.wait()
            return ask(container)
        except BaseException:
            barrier.abort()
            raise
        finally:
            container.database.close()

    def connect(container: Container) -> None:
        # Before the start, and patiently: sixteen connections at once take their time.
        for attempts_left in reversed(range(5)):
            try:
                container.database.run(viewer=None, budget_s=5.0)
            except DatabaseUnavailableError:
                if not attempts_left:
                    raise
            else:
                return

    with ThreadPoolExecutor(times) as pool:
        running = [pool.submit(run, n) for n in range(times)]
    failures = [error for future in running if (error := future.exception()) is not None]
    for error in failures:
        if not isinstance(error, BrokenBarrierError):
            raise error
    return [future.result() for future in running]


def as_shown(page: dict[str, Any]) -> str:
    """What must not differ between two answers with the same page."""
    return json.dumps({k: page[k] for k in ("session_id", "posts", "next_cursor", "degraded")})


@pytest.mark.parametrize("page_no", [1, 4, 6])
@pytest.mark.parametrize("catalogue", [30, 400])
def test_requests_with_one_cursor_get_one_page(feed: Harness, catalogue: int, page_no: int) -> None:
    feed.add_posts(catalogue)
    viewer = feed.viewer()
    for _ in viewer.scroll(page_no):
        pass
    pages = at_once(feed, lambda c: viewer.page(cursor=viewer.cursor, container=c))
    assert len({as_shown(page) for page in pages}) == 1
    check_page(pages[0], 12, catalogue)


def test_racing_first_pages_of_a_named_session_are_one_page(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    session = str(uuid4())
    pages = at_once(feed, lambda c: viewer.page(session_id=session, container=c))
    assert len({as_shown(page) for page in pages}) == 1
    assert as_shown(viewer.page(session_id=session)) == as_shown(pages[0])


def test_replays_and_next_pages_at_once_share_no_post(feed: Harness) -> None:
    feed.add_posts(150)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = ANY (%s)", ids(second)[:5])
    cursors = [first["next_cursor"], second["next_cursor"]] * (AT_ONCE // 2)
    pages = at_once(feed, lambda c: viewer.page(cursor=cursors.pop(), container=c))
    replayed = {as_shown(p) for p in pages if ids(second)[5] in ids(p)}
    following = {as_shown(p) for p in pages if ids(second)[5] not in ids(p)}
    assert len(replayed) == len(following) == 1
    shown = [post for p in (replayed | following) for post in json.loads(p)["posts"]]
    assert len(shown) == 24
    assert len({post["post_id"] for post in shown} | set(ids(first))) == 36


def test_impressions_of_the_same_events_count_once(feed: Harness) -> None:
    posts = feed.add_posts(50)
    viewer = feed.viewer()
    batch = ImpressionBatch.model_validate(
        {
            "session_id": str(uuid4()),
            "impressions": [
                {
                    "event_id": str(uuid4()),
                    "post_id": str(post),
                    "source": "fresh",
                    "position": 0,
                    "visible_ms": 500,
                    "seen_at": feed.now.isoformat(),
                }
                for post in posts
            ],
        }
    )
    answers = at_once(
        feed,
        lambda c: impressions.record(c.database, viewer.id, batch, budget_s=20.0),
    )
    assert sum(a["accepted"] for a in answers) == 50
    assert sum(a["duplicates"] for a in answers) == 50 * (AT_ONCE - 1)
    (stored,) = feed.admin.execute("SELECT count(*) FROM user_post_impressions").fetchone() or ()
    assert stored == 50


def test_many_sessions_of_one_viewer_at_once_are_each_full_and_apart(feed: Harness) -> None:
    feed.add_posts(90)
    viewer = feed.viewer()

    def scroll(container: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        alone = Viewer(feed, viewer.id)
        return [alone.next(container=container) for _ in range(5)]

    for pages in at_once(feed, scroll, times=8):
        served = [post for page in pages for post in ids(page)]
        assert len(served) == len(set(served)) == 60


def test_a_page_of_one_post_is_found_when_the_whole_queue_is_taken_down(feed: Harness) -> None:
    posts = [str(post) for post in feed.add_posts(200)]
    viewer = feed.viewer()
    first = ids(viewer.next(1))
    left = next(post for post in posts if post not in first)
    feed.execute("UPDATE posts SET mux_ready = false WHERE id <> %s", left)
    assert ids(viewer.next(1)) == [left]
