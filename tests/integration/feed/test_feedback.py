"""What viewers ask for is in force from the very next page on, in every session, cached or not."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.feed_ranker.events import feedback
from functions.feed_ranker.requests import FeedbackIn
from shared.errors import NotFoundError, UnavailableError
from tests.integration.feed.harness import Harness, Viewer, check_page, ids

if TYPE_CHECKING:
    from functions.feed_ranker.container import Container

CREATOR = UUID(int=7)


def gives(
    viewer: Viewer,
    action: str,
    *,
    undo: bool = False,
    container: Container | None = None,
    **about: object,
) -> dict[str, Any]:
    """Give a feedback as the route does."""
    used = container or viewer.harness.container
    body = {"action": action, "undo": undo, **{k: str(v) for k, v in about.items()}}
    return feedback.give(
        used.database,
        viewer.id,
        FeedbackIn.model_validate(body),
        budget_s=used.budget_s,
        cache=used.feed.cache,
        now=viewer.harness.now,
    )


def creators(page: dict[str, Any]) -> set[str]:
    return {post["creator_id"] for post in page["posts"]}


def another_session(viewer: Viewer) -> Viewer:
    return Viewer(viewer.harness, viewer.id)


def test_a_hidden_creator_stands_on_none_of_1000_pages_and_returns_when_it_is_undone(
    feed: Harness,
) -> None:
    theirs = {str(post) for post in feed.add_posts(60, creator=CREATOR, age=timedelta(0))}
    feed.add_posts(700, age=timedelta(hours=6))
    viewer = feed.viewer()
    sessions = [viewer, *(another_session(viewer) for _ in range(19))]
    for session in sessions:
        assert theirs & set(ids(session.next())), "every session has their posts in its queue"
    gives(viewer, "hide_creator", creator_id=CREATOR)

    def scroll(session: Viewer) -> int:
        container = feed.new_container()
        try:
            pages = 0
            for _ in range(50):
                page = session.next(container=container)
                check_page(page, 12, 700)
                assert not theirs & set(ids(page))
                pages += 1
            return pages
        finally:
            container.database.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(scroll, sessions)) == 1000
    gives(viewer, "hide_creator", creator_id=CREATOR, undo=True)
    for session in sessions:
        assert theirs & set(ids(session.next())), "on the very next page"


def test_a_page_already_written_is_served_again_without_what_was_refused_since(
    feed: Harness,
) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    viewer.next()
    cursor = viewer.cursor
    page = viewer.next()
    refused, reported, hidden = page["posts"][0], page["posts"][4], page["posts"][8]
    gives(viewer, "not_interested", post_id=refused["post_id"])
    gives(viewer, "report", post_id=reported["post_id"])
    gives(viewer, "hide_creator", post_id=hidden["post_id"])
    again = viewer.page(cursor=cursor)
    assert len(again["posts"]) == 12
    assert not {refused["post_id"], reported["post_id"]} & set(ids(again))
    assert hidden["creator_id"] not in creators(again)
    bad = {refused["post_id"], reported["post_id"]}
    kept = [
        post["post_id"]
        for post in page["posts"]
        if post["post_id"] not in bad and post["creator_id"] != hidden["creator_id"]
    ]
    assert [post for post in ids(again) if post in kept] == kept, "the others keep their order"


def test_not_interested_lowers_the_creator_and_the_tags_on_the_very_next_page(
    feed: Harness,
) -> None:
    disliked, liked = UUID(int=1), UUID(int=2)
    for creator in (disliked, liked):
        feed.add_posts(30, creator=creator, age=timedelta(hours=1))
    feed.execute("UPDATE posts SET tags = '{cats}' WHERE creator_id = %s", disliked)
    viewer = feed.viewer()

    def engagement(page: dict[str, Any]) -> dict[str, float]:
        """The best score of each creator's posts."""
        best: dict[str, float] = {}
        for post in page["posts"]:
            best[post["creator_id"]] = max(best.get(post["creator_id"], 0), post["score"])
        return best

    first = viewer.next()
    assert viewer.next()["cache"] == "hit"
    post = next(p for p in first["posts"] if p["creator_id"] == str(disliked))
    gives(viewer, "not_interested", post_id=post["post_id"])
    page = viewer.next()
    assert page["cache"] == "miss", "the queue did not know"
    assert not page["stale_cursor"]
    scores = engagement(page)
    assert scores[str(disliked)] < scores[str(liked)]
    assert viewer.next()["cache"] == "hit", "the new queue knows"
    gives(viewer, "not_interested", post_id=post["post_id"], undo=True)
    page = viewer.next()
    assert page["cache"] == "miss"
    scores = engagement(page)
    assert scores[str(disliked)] == pytest.approx(scores[str(liked)], abs=1e-4)


def test_feedback_that_changes_nothing_leaves_the_queue_as_it_is(feed: Harness) -> None:
    feed.add_posts(200)
    viewer, other = feed.viewer(), feed.viewer()
    page = viewer.next()
    gives(viewer, "report", post_id=page["posts"][0]["post_id"], undo=True)
    gives(other, "hide_creator", post_id=page["posts"][0]["post_id"])
    assert viewer.next()["cache"] == "hit"


def test_a_page_asked_for_after_an_answered_feedback_obeys_it_whoever_else_asks(
    feed: Harness,
) -> None:
    feed.add_posts(400, creators=8)
    viewer = feed.viewer()
    viewer.next()
    hidden: list[tuple[float, UUID]] = []
    done = threading.Event()

    def hides() -> None:
        container = feed.new_container()
        try:
            for i in range(5):
                creator = UUID(int=10_000 + i)
                gives(viewer, "hide_creator", container=container, creator_id=creator)
                hidden.append((time.monotonic(), creator))
        finally:
            done.set()
            container.database.close()

    def scrolls(session: Viewer) -> int:
        container = feed.new_container()
        pages = 0
        try:
            while not done.is_set() or pages < 5:
                asked = time.monotonic()
                before = {str(creator) for at, creator in list(hidden) if at < asked}
                page = session.next(container=container)
                assert not before & creators(page)
                check_page(page, 12, 400)
                pages += 1
        finally:
            container.database.close()
        return pages

    with ThreadPoolExecutor(4) as pool:
        scrolling = [pool.submit(scrolls, another_session(viewer)) for _ in range(3)]
        pool.submit(hides).result()
        assert all(run.result() >= 5 for run in scrolling)
    assert not creators(viewer.next()) & {str(creator) for _, creator in hidden}


def test_without_postgres_no_cached_queue_is_served_that_does_not_know_the_feedback(
    feed: Harness,
) -> None:
    feed.add_posts(300)
    viewer, other = feed.viewer(), feed.viewer()
    lost = feed.new_container(DATABASE_URL="postgresql://vroom_app@127.0.0.1:9/vroom")
    for each in (viewer, other):
        each.next()
        each.next(container=lost)
    cursor = viewer.cursor
    hidden = viewer.pages[0]["posts"][0]["creator_id"]
    gives(viewer, "hide_creator", creator_id=hidden)
    with pytest.raises(UnavailableError):
        viewer.next(container=lost)
    assert other.next(container=lost)["degraded"] == "database"
    assert hidden not in creators(viewer.page(cursor=cursor)), "ranked anew, with Postgres"
    viewer.next()
    assert hidden not in creators(viewer.next(container=lost)), "this queue knows"


def test_feedback_about_nothing_that_there_is_is_not_found(feed: Harness) -> None:
    (post,) = feed.add_posts(1)
    viewer = feed.viewer()
    for action in ("not_interested", "hide_creator", "report"):
        with pytest.raises(NotFoundError):
            gives(viewer, action, post_id=viewer.id)
    assert gives(viewer, "hide_creator", post_id=post) == {
        "action": "hide_creator",
        "post_id": str(post),
        "creator_id": str(UUID(int=10_000)),
        "undone": False,
    }


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("page"), st.integers(0, 2), st.just(0)),
        st.tuples(
            st.sampled_from(["not_interested", "hide_creator", "report"]),
            st.integers(0, 59),
            st.booleans(),
        ),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(STEPS)
def test_every_page_of_every_session_shows_what_is_not_refused_and_all_of_it(
    feed: Harness, steps: list[tuple[str, int, int]]
) -> None:
    known = feed.admin.execute("SELECT id, creator_id FROM posts ORDER BY id").fetchall()
    if not known:
        feed.add_posts(60, creators=6)
        known = feed.admin.execute("SELECT id, creator_id FROM posts ORDER BY id").fetchall()
    viewer = feed.viewer()
    sessions = [another_session(viewer) for _ in range(3)]
    refused: dict[str, set[UUID]] = {
        "not_interested": set(),
        "hide_creator": set(),
        "report": set(),
    }
    for action, which, undo in [*steps, ("page", 0, 0), ("page", 1, 0)]:
        if action == "page":
            page = sessions[which].next()
            eligible = {
                post
                for post, creator in known
                if creator not in refused["hide_creator"]
                and post not in refused["not_interested"] | refused["report"]
            }
            check_page(page, 12, len(eligible))
            assert {UUID(post) for post in ids(page)} <= eligible
            continue
        post, creator = known[which]
        gives(viewer, action, undo=bool(undo), post_id=post)
        target = creator if action == "hide_creator" else post
        (refused[action].discard if undo else refused[action].add)(target)
