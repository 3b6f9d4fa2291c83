from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.ranking.diversity import NO_CREATOR
from functions.feed_ranker.ranking.personal import EVERY, Weaver
from functions.feed_ranker.ranking.queue import build
from shared.evidence import Evidence
from shared.models import UNSEEN_RUNGS, Candidate, Retrieved, Rung
from tests.unit.feed_ranker.generators import DISCOVERY, PLAIN, entry
from tests.unit.shared.generators import post

if TYPE_CHECKING:
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.ranking.stream import Entry


def as_scored(given: Entry, _: int) -> Entry:
    return given


def lowered(given: Entry, count: int) -> Entry:
    """Each earlier post of its creator costs a post a quarter of its score."""
    return given._replace(score=0.5 * 0.75**count)


@st.composite
def unseen(draw: st.DrawFn) -> list[Candidate]:
    """Candidates of few creators, many of which the viewer's taste speaks for."""
    few = draw(st.integers(1, 6))
    served = draw(st.lists(st.integers(0, 3), min_size=few, max_size=few))
    numbers = draw(st.lists(st.integers(0, 999), unique=True, max_size=80))
    return [
        post(
            number,
            creator=(creator := draw(st.integers(0, few - 1))),
            rung=draw(st.sampled_from(UNSEEN_RUNGS)),
            plays=100,
            likes=draw(st.integers(0, 4)) * 10,
            follows=draw(st.sampled_from((0.0, 0.3))),
            tag_affinity=draw(st.sampled_from((0.0, 2.0))),
            creator_served=served[creator],
        )
        for number in numbers
    ]


def test_every_fifth_position_takes_the_best_personal_post_that_is_not_coming_soon() -> None:
    ranked = [entry(number) for number in range(10)]
    personal = [ranked[2], entry(50), entry(51)]
    woven = Weaver(as_scored).weave(ranked, personal, 4)
    assert [e.post_id.int for e in woven] == [0, 1, 2, 3, 50, 4, 5, 6, 7, 51, 8, 9]


def test_a_ranked_post_falls_behind_once_its_creator_took_a_personal_position() -> None:
    ranked = [entry(number, creator=1000 + number) for number in range(8)]
    personal = [entry(50, creator=1004)]
    woven = Weaver(lowered).weave(ranked, personal, 2)
    assert [e.post_id.int for e in woven] == [0, 1, 2, 3, 50, 5, 6, 7, 4]
    assert woven[-1].score == 0.375


@given(unseen(), st.integers(1, 24))
def test_every_post_is_scored_with_those_of_its_creator_before_it(
    candidates: list[Candidate], page_size: int
) -> None:
    queue = built(candidates, page_size)
    count = Counter({c.creator_id: c.creator_served for c in candidates})
    for placed in queue.entries[: queue.ranked_count]:
        expected = round(PLAIN.diversity(count[placed.creator_id]), 6)
        assert placed.parts.diversity == expected
        assert placed.score == pytest.approx(placed.parts.total(PLAIN.config.weights), abs=2e-6)
        count[placed.creator_id] += 1


@given(unseen(), st.integers(1, 24))
def test_weaving_loses_and_repeats_nothing(candidates: list[Candidate], page_size: int) -> None:
    queue = built(candidates, page_size)
    assert Counter(e.post_id for e in queue.entries) == Counter(c.post_id for c in candidates)


@given(st.integers(0, 60), st.sets(st.integers(0, 79)), st.integers(1, 24))
def test_personal_posts_take_one_position_in_five(size: int, own: set[int], page_size: int) -> None:
    ranked = [entry(number) for number in range(size)]
    personal = [entry(number) for number in own]
    woven = Weaver(as_scored).weave(ranked, personal, page_size)
    before_their_turn = [
        place
        for place, placed in enumerate(woven)
        if placed.post_id.int >= size
        or any(later.post_id.int < placed.post_id.int for later in woven[place:])
    ]
    assert all(place % EVERY == EVERY - 1 for place in before_their_turn)


def built(candidates: list[Candidate], page_size: int) -> Queue:
    retrieved = Retrieved(tuple(candidates), (), complete=True)
    return build(retrieved, PLAIN, page_size, NO_CREATOR, DISCOVERY)


def test_a_loved_post_takes_more_positions_only_where_its_rung_alone_holds_it_back() -> None:
    ranked = [entry(n, rung=Rung.FRESH) for n in range(20)]  # of score 0.5
    loves = Evidence(taste=0.7)
    better, worse, fresh = (
        [entry(n, rung=rung)._replace(evidence=loves, score=score) for n in range(first, first + 8)]
        for first, rung, score in (
            (30, Rung.TRENDING, 0.6),
            (40, Rung.TRENDING, 0.4),
            (50, Rung.FRESH, 0.6),
        )
    )
    unloved = [e._replace(evidence=Evidence(taste=0.3)) for e in better]

    def own(personal: list[Entry]) -> list[int]:
        woven = Weaver(as_scored).weave(ranked, personal, 4)
        return [place for place, e in enumerate(woven[:10]) if e.post_id.int >= 30]

    assert own(better) == [1, 3, 4, 6, 8, 9]
    assert own(worse) == own(fresh) == own(unloved) == [4, 9]
