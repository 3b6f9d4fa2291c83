"""Checks of one page against what there was for its viewer. Pure: data in, findings out."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from local.demo.answers import EXPLORE, REPEATS, RUNGS, Page, Stock
from local.demo.promises import Finding, Promise
from local.page_check import FIRST_REPEAT_POSITION, MAX_REPEATS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from uuid import UUID

    from local.demo.answers import Post

WATERLINE = 24
FRESH_WINDOW = timedelta(days=7)
_BORDER = timedelta(minutes=5)  # so near to the window's end a cached page may say either


def check_page(page: Page, stock: Stock, page_size: int) -> Iterator[Finding]:
    """What one page shows of exact fill, repeats, its word for being degraded, and exploration."""
    yield from exact_fill(page, stock, page_size)
    yield from no_post_twice(page, stock)
    yield from honest_labels(page, stock)
    yield from repeats_only_where_needed(page, stock, page_size)
    yield from repeats_in_bounds(page, stock)
    yield from degraded_word(page, page_size)
    yield from explored_unseen(page, stock)


def exact_fill(page: Page, stock: Stock, page_size: int) -> Iterator[Finding]:
    """The page is full, of eligible posts."""
    wanted = min(page_size, len(stock.eligible))
    yield Finding(
        Promise.EXACT_FILL,
        "a page holds min(page_size, eligible posts)",
        len(page.posts) == wanted,
        f"{len(page.posts)} posts instead of {wanted}",
    )
    strangers = [post.post_id for post in page.posts if post.post_id not in stock.eligible]
    yield Finding(
        Promise.EXACT_FILL,
        "a page holds eligible posts only",
        not strangers,
        f"not eligible: {strangers}",
    )
    yield Finding(
        Promise.EXACT_FILL,
        "positions count from 0, and a next cursor is there",
        [post.position for post in page.posts] == list(range(len(page.posts)))
        and bool(page.next_cursor),
        f"{[post.position for post in page.posts]}, cursor {page.next_cursor!r}",
    )


def no_post_twice(page: Page, stock: Stock) -> Iterator[Finding]:
    """None in the page, none in the session while others remain."""
    twice = [post for post, count in Counter(page.ids).items() if count > 1]
    yield Finding(Promise.NO_POST_TWICE, "none in a page", not twice, f"twice: {twice}")
    again = set(page.ids) & set(stock.served)
    remaining = set(stock.eligible) - set(stock.served) - set(page.ids)
    yield Finding(
        Promise.NO_POST_TWICE,
        "none in a session while unserved ones remain",
        not (again and remaining),
        f"again: {sorted(again)}, while {len(remaining)} remain",
    )


def honest_labels(page: Page, stock: Stock) -> Iterator[Finding]:
    """Repeats are called so and nothing else is; rungs are what they say."""
    repeats = {*stock.seen, *stock.served}
    for post in page.posts:
        repeated = post.post_id in repeats
        yield Finding(
            Promise.NEVER_REPEAT,
            "repeats, and they alone, are marked",
            repeated == post.is_repeat == (post.source in REPEATS),
            f"{post.post_id}: seen {repeated}, is_repeat {post.is_repeat}, {post.source}",
        )
        if post.source in RUNGS and post.post_id in stock.eligible:
            yield Finding(
                Promise.NEVER_REPEAT,
                "fresh, following and trending are what they say",
                post.source in _true_rungs(post, stock),
                f"{post.post_id} of {stock.eligible[post.post_id]} is called {post.source}",
            )


def _true_rungs(post: Post, stock: Stock) -> set[str]:
    """The rung a post stands on; at the window's end the one beyond it too."""
    age = stock.now - stock.eligible[post.post_id]
    older = "following" if post.creator_id in stock.followed else "trending"
    if abs(age - FRESH_WINDOW) < _BORDER:
        return {"fresh", older}
    return {"fresh" if age < FRESH_WINDOW else older}


def repeats_only_where_needed(page: Page, stock: Stock, page_size: int) -> Iterator[Finding]:
    """As many repeats as unseen posts are missing, after them, the longest ago first."""
    size = min(page_size, len(stock.eligible))
    needed = max(size - len(stock.unseen), 0)
    repeats = [post for post in page.posts if post.is_repeat]
    yield Finding(
        Promise.NEVER_REPEAT,
        "only where unseen posts do not fill the page",
        len(repeats) == needed,
        f"{len(repeats)} repeats, {needed} needed",
    )
    if repeats:
        yield Finding(
            Promise.NEVER_REPEAT,
            "after every unseen post",
            all(post.is_repeat for post in page.posts[repeats[0].position :]),
            f"{[post.source for post in page.posts]}",
        )
        expected = stock.longest_ago[: len(repeats)]
        yield Finding(
            Promise.NEVER_REPEAT,
            "the longest ago first, this session's last",
            [post.post_id for post in repeats] == expected,
            f"{[post.post_id for post in repeats]} instead of {expected}",
        )


def repeats_in_bounds(page: Page, stock: Stock) -> Iterator[Finding]:
    """Controlled repeats keep to their places, number and waterline."""
    places = [post.position for post in page.posts if post.source == "repeat"]
    yield Finding(
        Promise.NEVER_REPEAT,
        "no repeat at positions 0-5, at most 2 a page, below the waterline",
        len(places) <= MAX_REPEATS
        and all(place >= FIRST_REPEAT_POSITION for place in places)
        and (not places or len(stock.unseen) < WATERLINE),
        f"repeats at {places} with {len(stock.unseen)} unseen",
    )


def degraded_word(page: Page, page_size: int) -> Iterator[Finding]:
    """A thin catalogue is told, and only that."""
    expected: str | None
    if len(page.posts) < page_size:
        expected = "catalogue"
    else:
        recycled = any(post.source == "recycled" for post in page.posts)
        expected = "inventory" if recycled else None
    yield Finding(
        Promise.HONEST_DEGRADATION,
        "recycled posts and short pages are told by a word",
        page.degraded == expected,
        f"{page.degraded!r} instead of {expected!r}",
    )


def none_recorded_before(page: Page, recorded: Collection[UUID]) -> Finding:
    """A new session shows nothing of which an impression was recorded."""
    seen = [post.post_id for post in page.posts if post.post_id in recorded]
    return Finding(
        Promise.NEVER_REPEAT, "a new session shows none of the seen posts", not seen, f"{seen}"
    )


def explored_unseen(page: Page, stock: Stock) -> Iterator[Finding]:
    """Discovery draws from unseen posts."""
    for post in page.posts:
        if post.source == EXPLORE:
            yield Finding(
                Promise.EXPLORATION,
                "drawn from unseen posts, and told as a reason",
                post.post_id in stock.unseen and "exploration" in post.reasons,
                f"{post.post_id}: {post.reasons}",
            )
