"""The second rung: what followed creators have, whatever its age, before what merely trends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from functions.feed_ranker.ranking.diversity import MAX_PER_PAGE
from tests.integration.feed.harness import check_page

if TYPE_CHECKING:
    from tests.integration.feed.harness import Harness, Viewer

OLD = timedelta(days=20)  # none of the posts is fresh
OTHERS = 1_000


def follow(feed: Harness, viewer: Viewer, creators: int, posts: int) -> set[str]:
    """Creators whom the viewer follows, with so many posts each; the posts."""
    made: set[str] = set()
    for n in range(creators):
        creator = UUID(int=n + 1)
        feed.execute("INSERT INTO follows VALUES (%s, %s)", viewer.id, creator)
        made |= {str(post) for post in feed.add_posts(posts, creator=creator, age=OLD)}
    return made


class Order:
    """Holds pages against the rungs' order, page by page.

    What exploration draws of these creators is missing on a later page of the same queue, which
    holds as many of their posts as its pages may show. Where it draws twelve posts that had no
    ranked position, twelve ranked ones are left over. A further page takes them, and nothing of
    these creators is owed on it.
    """

    def __init__(self, feed: Harness, left: set[str], creators: int) -> None:
        self.left = left
        self._feed = feed
        self._creators = creators
        self._drawn = 0
        self._pages = 0  # that the queue was ranked for and that are still to come

    def check(self, page: dict[str, Any]) -> None:
        """As many of `left` as variety allows stand on the page."""
        check_page(page, 12, OTHERS)
        if page["cache"] == "miss":
            self._drawn, self._pages = 0, self._pages_of_queue(page)
        explored = {post["post_id"] for post in page["posts"] if post["source"] == "explore"}
        ranked = [post for post in page["posts"] if post["source"] != "explore"]
        followed = [post for post in ranked if post["post_id"] in self.left]
        self._drawn += len(explored & self.left)
        most = MAX_PER_PAGE * self._creators if self._pages > 0 else 0
        self._pages -= 1
        allowed = min(len(self.left - explored), most, len(ranked))
        # Where one ranked position is left behind the last of them, the second post of the same
        # creator has no place that is not beside the first.
        last = max((ranked.index(post) for post in followed), default=len(ranked))
        no_place = len(ranked) - 1 - last == 1
        assert len(followed) >= allowed - self._drawn - no_place
        assert {post["source"] for post in followed} <= {"following"}
        assert [p["source"] for p in ranked].count("following") == len(followed)
        self.left -= {post["post_id"] for post in page["posts"]}

    def _pages_of_queue(self, page: dict[str, Any]) -> int:
        row = self._feed.admin.execute(
            "SELECT (trace ->> 'ranked')::integer FROM feed_requests WHERE request_id = %s",
            [page["request_id"]],
        ).fetchone()
        assert row is not None
        return int(row[0]) // len(page["posts"])


@pytest.mark.parametrize("recorded", [False, True], ids=["served", "seen"])
@pytest.mark.parametrize(("creators", "posts"), [(1, 60), (4, 60), (150, 1), (250, 2)], ids=str)
def test_every_post_of_followed_creators_comes_before_others(
    feed: Harness, creators: int, posts: int, *, recorded: bool
) -> None:
    feed.add_posts(OTHERS, age=OLD / 2)
    viewer = feed.viewer()
    order = Order(feed, follow(feed, viewer, creators, posts), creators)
    pages = 0
    while order.left:
        page = viewer.next()
        order.check(page)
        if recorded:
            viewer.records(page)
        pages += 1
        assert pages < 60, "some are never shown"
    page = viewer.next()
    assert "following" not in {post["source"] for post in page["posts"]}


def test_followed_posts_behind_a_long_history_are_found(feed: Harness) -> None:
    feed.add_posts(OTHERS, age=OLD / 2)
    viewer = feed.viewer()
    creator = UUID(int=1)
    feed.execute("INSERT INTO follows VALUES (%s, %s)", viewer.id, creator)
    deep = feed.add_posts(30, creator=creator, age=OLD * 2)
    feed.sees(viewer.id, feed.add_posts(700, creator=creator, age=OLD))
    order = Order(feed, {str(post) for post in deep}, creators=1)
    for _ in range(16):
        order.check(viewer.next())
    assert not order.left


def test_a_hidden_creator_is_followed_in_vain(feed: Harness) -> None:
    feed.add_posts(OTHERS, age=OLD / 2)
    viewer = feed.viewer()
    follow(feed, viewer, 1, 60)
    feed.execute(
        "INSERT INTO feedback (user_id, action, creator_id) VALUES (%s, 'hide_creator', %s)",
        viewer.id,
        UUID(int=1),
    )
    for page in viewer.scroll(3):
        check_page(page, 12, OTHERS)
        assert str(UUID(int=1)) not in {post["creator_id"] for post in page["posts"]}
