"""Pages of a plain chronological feed: no rung, score, variety or exploration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, assemble
from functions.feed_ranker.pages.refill import refill
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.ranking.queue import build
from shared.cooldown import CooldownRules
from shared.models import Candidate, Retrieved
from shared.variants import Policy
from tests.unit.feed_ranker.generators import DISCOVERY, PLAIN, SESSION, Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from functions.feed_ranker.ranking.queue import Queue

RULES = CooldownRules()
POLICY = Policy(variant="chronological", exploration_rate=0.0, chronological=True)


def by_age(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda c: (-c.published_at.timestamp(), c.post_id))


def queue_of(catalogue: Catalogue, page_size: int) -> Queue:
    """Ranked from the newest unseen posts, as retrieval finds them for such a feed."""
    everything = catalogue.retrieve(page_size)
    newest = by_age(catalogue.unseen)[: len(everything.unseen)]
    retrieval = Retrieved(tuple(newest), everything.seen, everything.complete)
    return build(retrieval, PLAIN, page_size, b"", DISCOVERY, POLICY)


def pages(catalogue: Catalogue, page_size: int, count: int) -> Iterator[Page]:
    """Pages of a session whose queue serves as long as it fills them."""
    at = Position(SESSION)
    queue: Queue | None = None
    for _ in range(count):
        if queue is None or sum(i < queue.ranked_count for i in queue.left(at.used)) < page_size:
            queue, at = queue_of(catalogue, page_size), replace(at, used=0)
        explorer = Explorer(SESSION, at.page_no, POLICY.exploration_rate)
        page = assemble(queue, at, page_size, explorer, RULES)
        catalogue.serve(page)
        yield page
        at = page.after


@pytest.mark.parametrize("page_size", [1, 6, 12, 50])
@pytest.mark.parametrize("size", [0, 1, 11, 24, 25, 300, 700])
@pytest.mark.parametrize("creators", [1, 40])
def test_a_session_goes_through_the_unseen_posts_from_the_newest_on(
    size: int, page_size: int, creators: int
) -> None:
    catalogue = Catalogue.of(size, seen=size // 5, creators=creators)
    expected = [c.post_id for c in by_age(catalogue.unseen)]
    shown: list[UUID] = []
    for page in pages(catalogue, page_size, 12):
        assert len(page.posts) == min(page_size, size)
        assert len(set(page.ids)) == len(page.ids)
        shown += page.unseen_ids
    assert shown == expected[: len(shown)]
    assert len(shown) == min(len(expected), 12 * page_size)


@given(st.integers(12, 60), st.sets(st.integers(0, 11)))
def test_a_page_that_lost_posts_is_filled_with_the_next_older_ones(
    size: int, lost: set[int]
) -> None:
    catalogue = Catalogue.of(size, creators=3)
    order = [c.post_id for c in by_age(catalogue.unseen)]
    (page,) = pages(catalogue, 12, 1)
    gone = {page.ids[i] for i in lost}
    catalogue.posts = [c for c in catalogue.posts if c.post_id not in gone]
    catalogue.served = {i: at for i, at in catalogue.served.items() if i not in gone}
    refilled = refill(page, gone, queue_of(catalogue, 12), RULES)
    assert refilled.unseen_ids == [i for i in order if i not in gone][:12]
    assert len(refilled.posts) == min(12, len(catalogue.posts))
