from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.evidence import Evidence, packed, unpacked
from shared.heat import HALF_LIVES_S
from shared.models import Candidate, Signals
from shared.ranking import Ranker
from shared.ranking_config import RankingConfig
from tests.unit.shared.generators import MOMENT, NOW, candidates, post

SILENT = Evidence()
figures = st.floats(allow_nan=True, allow_infinity=True)


def watched(number: int, watches: float) -> Candidate:
    """A candidate with so many watches at this moment."""
    since = (NOW - NOW.replace(year=2020, month=1, day=1, hour=0)).total_seconds()
    heat = [since / half_life + math.log2(watches) for half_life in HALF_LIVES_S]
    return post(number, heat=heat)


def told(posts: list[Candidate]) -> dict[int, Evidence]:
    ranker = Ranker(RankingConfig(), Signals(), MOMENT, posts)
    return {candidate.post_id.int: ranker.evidence(candidate) for candidate in posts}


@given(st.lists(st.builds(Evidence.of, figures, figures, figures, figures), max_size=20))
def test_evidence_is_read_as_it_was_written_a_letter_each(all_evidence: list[Evidence]) -> None:
    texts = packed(all_evidence)
    assert [len(text) for text in texts] == [len(all_evidence)] * 4
    assert list(unpacked(texts)) == all_evidence


@given(figures, figures, figures, figures)
def test_rounding_again_changes_nothing(
    heat: float, neighbours: float, taste: float, momentum: float
) -> None:
    once = Evidence.of(heat, neighbours, taste, momentum)
    assert all(map(math.isfinite, once))
    assert Evidence.of(*once) == once


def test_what_is_no_number_says_nothing() -> None:
    assert Evidence.of(math.nan, math.nan, math.inf, -math.inf) == SILENT
    assert Evidence.of(0.0, 0.0, 0.0, 0.5) == SILENT


@pytest.mark.parametrize(
    ("given_figures", "kept"),
    [
        ((2.1, 0.02, 0.5, 0.75), Evidence(2.0, 0.01969, 0.516, 0.758)),
        ((-100.0, 1.0, -1.0, 0.0), Evidence(-8.0, 1.0, -1.0, 0.0)),
        ((100.0, 1e-9, 1.0, 1.0), Evidence(7.75, 0.0, 1.0, 1.0)),
    ],
)
def test_figures_are_kept_closely_enough(
    given_figures: tuple[float, float, float, float], kept: Evidence
) -> None:
    assert Evidence.of(*given_figures) == kept


@given(st.lists(candidates(), max_size=12, unique_by=lambda c: c.post_id))
def test_any_candidates_have_evidence(posts: list[Candidate]) -> None:
    for evidence in told(posts).values():
        assert 0.0 <= evidence.neighbours <= 1.0
        assert -1.0 <= evidence.taste <= 1.0
        assert 0.0 <= evidence.momentum <= 1.0


def test_posts_that_are_watched_alike_are_not_popular_however_much() -> None:
    for watches in (0.01, 1.0, 1_000.0):
        posts = [watched(number, watches) for number in range(20)]
        assert not any(evidence.is_popular for evidence in told(posts).values())


def test_the_post_with_the_most_watches_by_far_is_popular() -> None:
    posts = [watched(0, 100.0), *(watched(number, 2.0) for number in range(1, 40))]
    assert [number for number, evidence in told(posts).items() if evidence.is_popular] == [0]


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=40))
def test_at_most_a_quarter_of_the_candidates_is_popular(watches: list[float]) -> None:
    posts = [watched(number, count) for number, count in enumerate(watches)]
    popular = sum(evidence.is_popular for evidence in told(posts).values())
    # What is rounded up to two doublings is an eighth of a doubling below them at most.
    assert popular <= len(posts) / 2**1.875


def test_evidence_tells_neighbours_taste_and_momentum_of_each_post() -> None:
    posts = [
        watched(1, 50.0)._replace(follows=0.25),
        post(2, creator_affinity=0.5),
        post(3, tag_affinity=-0.5),
    ]
    found = told(posts)
    assert found[1].neighbours == 0.25
    assert found[1].momentum > 0.9, "all of its watches have come just now"
    assert (found[2].taste, found[3].taste) == (0.194, -0.194)
    assert found[2].momentum == 0.5, "of a post that nobody watched it says nothing"
