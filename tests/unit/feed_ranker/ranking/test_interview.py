"""The interview of a new viewer: many questions on the first page, and nothing lost by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.ranking.diversity import NO_CREATOR
from functions.feed_ranker.ranking.interview import ANSWERS, is_interviewed, spread
from functions.feed_ranker.ranking.queue import build
from shared.evidence import Evidence
from shared.models import UNSEEN_RUNGS, Retrieved, Rung, Signals
from shared.ranking import Ranker
from shared.ranking_config import RankingConfig
from tests.unit.feed_ranker.generators import DISCOVERY, entry
from tests.unit.shared.generators import MOMENT, post

if TYPE_CHECKING:
    from functions.feed_ranker.ranking.stream import Entry

LIKED = Evidence(taste=0.5)


def named(entries: list[Entry], tags: list[str]) -> dict[object, tuple[str, ...]]:
    return {e.post_id: (tag,) for e, tag in zip(entries, tags, strict=True)}


@st.composite
def ladders(draw: st.DrawFn) -> list[Entry]:
    """Entries in the order of rungs, some of which the viewer is known to like."""
    rungs = sorted(
        draw(st.lists(st.sampled_from(UNSEEN_RUNGS), max_size=40)), key=UNSEEN_RUNGS.index
    )
    return [
        entry(number, rung=rung)._replace(evidence=LIKED if draw(st.booleans()) else Evidence())
        for number, rung in enumerate(rungs)
    ]


@given(ladders(), st.integers(1, 50), st.data())
def test_nothing_is_lost_or_invented_and_rungs_keep_their_order(
    entries: list[Entry], page_size: int, data: st.DataObject
) -> None:
    tags = data.draw(st.lists(st.sampled_from("abc"), min_size=len(entries), max_size=len(entries)))
    given_back = list(spread(iter(entries), named(entries, tags), page_size))  # type: ignore[arg-type]
    assert sorted(e.post_id for e in given_back) == sorted(e.post_id for e in entries)
    assert [e.rung for e in given_back] == [e.rung for e in entries]


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 60))
def test_a_page_asks_about_as_many_neighbourhoods_as_there_are(
    kinds: int, page_size: int, each: int
) -> None:
    # All posts of one neighbourhood rank before all of the next.
    entries = [entry(number) for number in range(kinds * each)]
    tags = [str(number // each) for number in range(kinds * each)]
    names = named(entries, tags)
    page = list(spread(entries, names, page_size))[:page_size]  # type: ignore[arg-type]
    assert len({names[e.post_id] for e in page}) == min(kinds, len(page))
    if each > 1:
        counts = [sum(names[e.post_id] == (str(kind),) for e in page) for kind in range(kinds)]
        assert max(counts) - min(counts) <= 1 or each < page_size / kinds


def test_what_the_viewer_likes_is_no_question_any_more() -> None:
    entries = [entry(number)._replace(evidence=LIKED) for number in range(6)]
    entries += [entry(number) for number in range(6, 12)]
    names = named(entries, ["liked"] * 6 + ["other"] * 6)
    assert list(spread(entries, names, 12)) == entries  # type: ignore[arg-type]


def test_no_entry_passes_one_of_an_earlier_rung() -> None:
    entries = [entry(1), entry(2), entry(3, rung=Rung.TRENDING)]
    names = named(entries, ["a", "a", "b"])
    assert list(spread(entries, names, 3)) == entries  # type: ignore[arg-type]


@pytest.mark.parametrize("tags", [None, ("only",)])
def test_posts_of_one_tag_or_of_none_fill_pages(tags: tuple[str, ...] | None) -> None:
    posts = [post(n, creator=n, rung=Rung.FRESH, neighbourhoods=tags) for n in range(60)]
    ranker = Ranker(RankingConfig(), Signals(), MOMENT, posts)
    retrieved = Retrieved.of(posts, complete=True)
    queue = build(retrieved, ranker, 12, NO_CREATOR, DISCOVERY, answers=0)
    assert len({e.post_id for e in queue.entries}) == 60
    assert queue.answers == 0


def test_an_interview_ends_with_the_fourth_page_that_is_watched() -> None:
    assert is_interviewed(Signals())
    assert is_interviewed(Signals(samples=ANSWERS - 1))
    assert not is_interviewed(Signals(samples=ANSWERS))
