"""Whole sessions over catalogues of every size that matters, retrieved as Postgres does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, assemble
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.ranking.queue import Queue, build
from shared.cooldown import CooldownRules
from shared.models import Rung
from tests.unit.feed_ranker.generators import DISCOVERY, PLAIN, SESSION, Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = CooldownRules()
SIZES = (0, 1, 5, 6, 11, 12, 13, 23, 24, 25, 50, 300)
PAGE_SIZES = (1, 6, 12, 50)


def pages(catalogue: Catalogue, page_size: int, count: int) -> Iterator[tuple[Page, Queue]]:
    """The session's pages, each with its queue, which serves as long as it fills a page.

    The catalogue holds what was served before the page while a page is looked at.
    """
    at = Position(SESSION)
    queue: Queue | None = None
    for _ in range(count):
        if queue is None or sum(i < queue.ranked_count for i in queue.left(at.used)) < page_size:
            retrieval = catalogue.retrieve(page_size)
            queue = build(retrieval, PLAIN, page_size, at.last_creator, DISCOVERY)
            at = replace(at, used=0)
        page = assemble(queue, at, page_size, Explorer(SESSION, at.page_no, 0.1), RULES)
        yield page, queue
        catalogue.serve(page)
        at = page.after


@pytest.fixture(params=[0.0, 0.5, 1.0], ids=["nothing seen", "half seen", "all seen"])
def seen_before(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize("size", SIZES)
def test_a_session_keeps_the_promises_of_the_feed(
    size: int, page_size: int, seen_before: float
) -> None:
    catalogue = Catalogue.of(size, seen=int(size * seen_before), creators=size // 3 + 2)
    for page, _ in pages(catalogue, page_size, 30 if page_size < 50 else 9):
        check_page(page, catalogue, page_size)


def check_page(page: Page, catalogue: Catalogue, page_size: int) -> None:
    unseen = {p.post_id for p in catalogue.unseen}
    longest_ago_first = [p.post_id for p in catalogue.repeats]
    shown = [p.post_id for p in page.posts if not p.is_repeat]
    repeats = [p.post_id for p in page.posts if p.is_repeat]
    controlled = [i for i, p in enumerate(page.posts) if p.rung is Rung.REPEAT]

    assert len(page.posts) == min(page_size, len(catalogue.posts))
    assert len(set(page.ids)) == len(page.ids)
    assert page.ids == shown + repeats
    assert set(shown) <= unseen
    assert len(shown) == min(page_size, len(unseen))
    assert repeats == longest_ago_first[: len(repeats)]
    assert len(controlled) <= RULES.max_repeats
    assert not controlled or (min(controlled) >= 6 and len(unseen) < RULES.waterline)
    recycled = len(repeats) - len(controlled)
    expected = "catalogue" if len(page.posts) < page_size else "inventory" if recycled else None
    assert page.degraded == expected


@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize("size", SIZES)
def test_a_session_shows_every_post_once_before_any_twice(size: int, page_size: int) -> None:
    catalogue = Catalogue.of(size)
    shown = [
        post_id
        for page, _ in pages(catalogue, page_size, -(-size // page_size))
        for post_id in page.unseen_ids
    ]
    assert sorted(shown) == [p.post_id for p in catalogue.posts]


@pytest.mark.parametrize("page_size", [6, 12, 50])
def test_every_post_of_an_endless_session_comes_round_longest_ago_first(page_size: int) -> None:
    catalogue = Catalogue.of(13)
    turns = [i for page, _ in pages(catalogue, page_size, 20) for i in page.ids]
    first_round = turns[:13]
    if page_size < 13:
        for begin in range(13, len(turns) - 13, 13):
            assert turns[begin : begin + 13] == first_round
    else:
        assert turns == first_round * 20


@pytest.mark.parametrize("creators", [2, 3, 5, 40])
def test_no_neighbours_share_a_creator_across_the_pages_of_a_session(creators: int) -> None:
    catalogue = Catalogue.of(120, creators=creators)
    last = None
    for page, _ in pages(catalogue, 12, 8):
        left = {p.creator_id for p in catalogue.unseen}
        for placed in page.posts:
            assert placed.creator_id != last or left == {last}
            last = placed.creator_id


def test_a_session_is_the_same_each_time_it_is_played() -> None:
    one, other = (
        [page for page, _ in pages(Catalogue.of(100, creators=9), 12, 12)] for _ in range(2)
    )
    assert one == other


def test_about_a_tenth_of_the_places_are_explored_while_there_is_something_to_discover() -> None:
    shown = explored = 0
    for number in range(40):
        session = replace(Position(SESSION), session=type(SESSION)(int=number))
        queue = build(Catalogue.of(300).retrieve(12), PLAIN, 12, session.last_creator, DISCOVERY)
        page = assemble(queue, session, 12, Explorer(session.session, 0, 0.1), RULES)
        shown += len(page.posts)
        explored += sum(p.rung is Rung.EXPLORE for p in page.posts)
    assert abs(explored - 0.1 * shown) <= 5 * (shown * 0.1 * 0.9) ** 0.5
    assert explored > 0
