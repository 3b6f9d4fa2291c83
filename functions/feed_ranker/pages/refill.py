"""A stored page, refilled after posts were withdrawn from it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from functions.feed_ranker.pages.page import Page, Placed, degradation, labelled, placed, repeats_of
from functions.feed_ranker.ranking.diversity import NO_CREATOR, PageVariety
from functions.feed_ranker.ranking.stream import RankedStream, fill

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.ranking.stream import Entry
    from shared.cooldown import CooldownRules


def refill(page: Page, withdrawn: Collection[UUID], queue: Queue, rules: CooldownRules) -> Page:
    """Return the same page without the posts in `withdrawn`, filled up to its size from `queue`.

    The posts that stay keep their order. A gap among unseen posts is filled where it is, so that no
    repeat moves up; on a chronological page it is filled behind the unseen posts that stay. The
    place of the next page does not change.
    """
    on_page = {p.post_id for p in page.posts}
    unseen = [p for p in page.posts if not p.is_repeat]
    spare = [e for e in queue.entries if e.post_id not in on_page and e.post_id not in withdrawn]
    inventory = len(spare) + len(unseen) + (0 if queue.complete else rules.waterline)

    repeats = [p for p in page.posts if p.is_repeat and p.post_id not in withdrawn]
    posts = _fill_gaps(page, unseen, withdrawn, page.page_size - len(repeats), spare)
    missing = page.page_size - len(posts) - len(repeats)
    taken = {*on_page, *withdrawn}
    repeats += [placed(e, e.rung) for e in repeats_of(queue.seen, missing, taken)]
    posts += labelled(repeats, len(posts), inventory, rules)
    return replace(page, posts=tuple(posts), degraded=degradation(posts, page.page_size))


def _fill_gaps(
    page: Page, unseen: list[Placed], withdrawn: Collection[UUID], length: int, spare: list[Entry]
) -> list[Placed]:
    """Return up to `length` unseen posts of a page: those that stay, and others in the gaps."""
    gaps: list[Placed | None] = [None if p.post_id in withdrawn else p for p in unseen]
    kept = [p for p in gaps if p is not None]
    if page.policy.chronological:
        gaps = [*kept]  # what fills the page is older
    gaps += [None] * (length - len(gaps))

    variety = PageVariety(
        NO_CREATOR,
        limited=not page.policy.chronological,
        held=[p.creator_id for p in kept],
    )
    stream = RankedStream(spare)
    posts: list[Placed] = []
    for i, post in enumerate(gaps):
        if post is not None:
            variety.pass_by(post.creator_id)
            posts.append(post)
            continue
        behind = gaps[i + 1] if i + 1 < len(gaps) else None
        following = behind.creator_id if behind else None
        posts += [
            placed(filled.entry, filled.entry.rung)
            for filled in fill(stream, variety, 1, following=following)
        ]
    return posts
