from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.ranking.diversity import (
    MAX_PER_PAGE,
    NO_CREATOR,
    PageVariety,
    creator_tag,
)
from tests.unit.feed_ranker.generators import entry

if TYPE_CHECKING:
    from functions.feed_ranker.ranking.stream import Entry

creators = st.integers(1, 5)


def page_of(taken: list[int], last: bytes = NO_CREATOR) -> PageVariety:
    variety = PageVariety(last)
    for creator in taken:
        variety.take(UUID(int=creator))
    return variety


def entries(of: list[int]) -> list[Entry]:
    return [entry(number, creator=creator) for number, creator in enumerate(of, start=1)]


few = st.integers(1, 3)


@given(st.lists(few, max_size=10), st.lists(few, max_size=5), few)
def test_the_first_that_may_stand_next_is_taken_then_no_neighbour_then_any(
    taken: list[int], offered: list[int], before: int
) -> None:
    variety = page_of(taken, creator_tag(UUID(int=before)))
    last = taken[-1] if taken else before

    def fault(item: Entry) -> int:
        if item.creator_id.int == last:
            return 2
        return int(taken.count(item.creator_id.int) >= MAX_PER_PAGE)

    chosen = variety.first(entries(offered))
    assert chosen == min(entries(offered), key=fault, default=None)


@given(st.lists(creators, max_size=30), st.lists(creators, max_size=4))
def test_taking_the_first_again_and_again_loses_none_and_invents_none(
    offered: list[int], taken: list[int]
) -> None:
    variety = page_of(taken)
    rest, order = entries(offered), []
    while rest:
        chosen = variety.first(rest)
        assert chosen is not None
        rest.remove(chosen)
        order.append(chosen)
        variety.take(chosen.creator_id)
    assert sorted(order) == entries(offered)
    assert variety.first(rest) is None


@given(st.lists(creators, max_size=8), creators)
def test_a_creator_may_stand_next_who_is_no_neighbour_and_below_two_posts(
    taken: list[int], creator: int
) -> None:
    variety = page_of(taken)
    neighbour = taken[-1:] == [creator]
    assert variety._neighbours(UUID(int=creator), None) is neighbour
    assert variety.allows(UUID(int=creator)) is (not neighbour and taken.count(creator) < 2)


def test_a_third_post_of_a_creator_goes_before_a_neighbour() -> None:
    variety = page_of([1, 2, 1, 2])
    neighbour, third = entries([2, 1])
    assert variety.first([neighbour, third]) is third
    assert variety.first([neighbour]) is neighbour


def test_the_last_post_of_the_page_before_is_a_neighbour() -> None:
    variety = PageVariety(creator_tag(UUID(int=1)))
    assert variety._neighbours(UUID(int=1), None)
    assert not variety._neighbours(UUID(int=2), None)
    variety.take(UUID(int=2))
    assert not variety._neighbours(UUID(int=1), None)


def test_the_first_page_has_no_neighbour() -> None:
    assert not PageVariety(NO_CREATOR)._neighbours(UUID(int=0), None)


@given(st.lists(creators, max_size=5), creators)
def test_the_tag_to_go_on_from_is_that_of_the_last_post(taken: list[int], before: int) -> None:
    last = taken[-1] if taken else before
    variety = page_of(taken, creator_tag(UUID(int=before)))
    assert variety.last_creator == creator_tag(UUID(int=last))
