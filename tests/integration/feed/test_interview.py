"""A viewer who is new: the first page asks about many tastes, and the next one answers to it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from functions.feed_ranker.ranking.interview import ANSWERS, TELLING
from functions.feed_ranker.requests import WatchBatch
from tests.integration.feed.harness import check_page, ids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.integration.feed.harness import Harness, Viewer

TAGS = tuple(f"tag-{n:02}" for n in range(16))
LOVED = (frozenset(TAGS[:5]), frozenset(TAGS[8:13]))  # by two kinds of viewers, who share no tag
VIEWERS = 6  # of each kind: what a first page asks about is partly drawn


@pytest.fixture
def tag_of(feed: Harness) -> dict[str, str]:
    """The tag of each post of a fresh catalogue, in which everybody watches one tag."""
    posts = feed.add_posts(800, creators=200, spread=timedelta(days=5))
    for i, tag in enumerate(TAGS):
        feed.execute("UPDATE posts SET tags = ARRAY[%s] WHERE id = ANY (%s)", tag, posts[i::16])
    popular = posts[3::16]
    feed.execute(
        "INSERT INTO engagement_queue"
        " (post_id, creator_id, at, impressions, plays, watch_ratio, weight)"
        " SELECT p.id, p.creator_id, now(), 1, 1, 0.9, 4 FROM posts p, generate_series(1, 5)"
        " WHERE p.id = ANY (%s)",
        popular,
    )
    feed.execute("SELECT roll_up(10000)")
    return {str(post): TAGS[i % 16] for i, post in enumerate(posts)}


def watch(viewer: Viewer, posts: Sequence[dict[str, Any]], loves: Callable[[str], bool]) -> None:
    """Report that posts were finished and liked, or else skipped."""
    rows = [
        {
            "event_id": str(uuid4()),
            "post_id": post["post_id"],
            "play_ms": post["duration_ms"] if loves(post["post_id"]) else 800,
            "duration_ms": post["duration_ms"],
            "liked": loves(post["post_id"]),
        }
        for post in posts
    ]
    harness = viewer.harness
    harness.container.take_watches(viewer.id, WatchBatch(events=rows), str(uuid4()), harness.now)


def test_the_first_page_asks_about_many_neighbourhoods(
    feed: Harness, tag_of: dict[str, str]
) -> None:
    page = feed.viewer().next()
    check_page(page, 12, 800)
    # Posts that are drawn for discovery may be of any tag, and a page holds some by chance.
    ranked = [post for post in page["posts"] if post["source"] != "explore"]
    tags = [tag_of[post["post_id"]] for post in ranked]
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("reports_impressions", [True, False])
def test_opposite_answers_to_the_first_page_get_different_second_pages(
    feed: Harness, tag_of: dict[str, str], *, reports_impressions: bool
) -> None:
    shares: dict[frozenset[str], list[float]] = {kind: [0.0, 0.0] for kind in LOVED}
    for loved in LOVED * VIEWERS:
        viewer = feed.viewer()
        first = viewer.next()
        if reports_impressions:
            viewer.records(first)
        watch(viewer, first["posts"], lambda post, loved=loved: tag_of[post] in loved)  # type: ignore[misc]
        second = viewer.next()
        assert second["session_id"] == first["session_id"]
        assert not second["stale_cursor"]
        # What is reported ranks the next queue ahead, where it is known in which session.
        assert second["cache"] == ("hit" if reports_impressions else "miss")
        check_page(second, 12, 800)
        assert not set(ids(first)) & set(ids(second))
        tags = [tag_of[post] for post in ids(second)]
        for i, kind in enumerate(LOVED):
            shares[loved][i] += sum(tag in kind for tag in tags) / 12 / VIEWERS
    (own, others), (others_too, own_too) = shares.values()
    assert own >= others + 0.25
    assert own_too >= others_too + 0.25


def test_a_queue_serves_on_where_little_was_learnt(feed: Harness) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    first = viewer.next()
    assert viewer.next()["cache"] == "hit"
    watch(viewer, first["posts"][:3], lambda _: True)
    assert viewer.next()["cache"] == "hit", "three watches say too little"
    watch(viewer, first["posts"][3:7], lambda _: True)
    page = viewer.next()
    assert page["cache"] == "miss"
    assert not page["stale_cursor"]


def test_the_queue_of_a_viewer_whose_taste_is_known_serves_on(
    feed: Harness, tag_of: dict[str, str]
) -> None:
    viewer = feed.viewer()
    everything = [{"post_id": post, "duration_ms": 30_000} for post in list(tag_of)[:ANSWERS]]
    watch(viewer, everything, lambda _: True)
    first = viewer.next()
    watch(viewer, first["posts"], lambda post: tag_of[post] in LOVED[0])
    assert viewer.next()["cache"] == "hit"


@pytest.mark.parametrize("posts", [1, 7, 40])
@pytest.mark.parametrize("tags", ["{}", "{only}"])
def test_a_new_viewer_of_a_thin_catalogue_gets_full_pages(
    feed: Harness, posts: int, tags: str
) -> None:
    made = feed.add_posts(posts, creators=3)
    feed.execute("UPDATE posts SET tags = %s::text[] WHERE id = ANY (%s)", tags, made)
    viewer = feed.viewer()
    for page in viewer.scroll(4):
        check_page(page, 12, posts)
        watch(viewer, page["posts"], lambda post: UUID(post).int % 2 == 0)


def test_python_and_sql_agree_on_who_is_interviewed_and_on_what_outdates_a_queue(
    feed: Harness,
) -> None:
    viewer = uuid4()
    feed.execute(
        "INSERT INTO user_interest_signals (user_id, samples) VALUES (%s, %s)", viewer, ANSWERS
    )
    interviewed = feed.admin.execute(
        "SELECT vroom_private.is_interviewed(n) FROM unnest(%s::bigint[]) n",
        [[ANSWERS - 1, ANSWERS]],
    ).fetchall()
    assert interviewed == [(True,), (False,)]
    outdated = feed.admin.execute(
        "SELECT vroom_private.is_outdated(%s, NULL, n) FROM unnest(%s::bigint[]) n",
        [viewer, [ANSWERS - TELLING, ANSWERS - TELLING + 1]],
    ).fetchall()
    assert outdated == [(True,), (False,)]
