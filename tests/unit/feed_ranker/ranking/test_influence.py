from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.ranking.influence import Influence
from functions.feed_ranker.ranking.queue import build
from shared.models import Candidate, Retrieved, Signals
from shared.ranking import Parts, Ranker
from shared.ranking_config import RankingConfig, Weights
from shared.variants import Policy
from tests.unit.feed_ranker.generators import DISCOVERY, Catalogue
from tests.unit.shared.generators import MOMENT, candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_CREATOR = b"\x00" * 8
figures = st.floats(0, 1)
rungs = st.lists(st.lists(st.builds(Parts, figures, figures, figures, figures), max_size=6))


def shares(*rungs: Sequence[Parts], weights: Weights | None = None) -> Parts | None:
    influence = Influence(weights or Weights())
    for rung in rungs:
        influence.note(rung)
    return influence.shares()


def ranked(posts: list[Candidate], policy: Policy | None = None) -> Parts | None:
    ranker = Ranker(RankingConfig(), Signals(), MOMENT, posts)
    retrieved = Retrieved(tuple(posts), (), complete=True)
    return build(retrieved, ranker, 12, NO_CREATOR, DISCOVERY, policy).decided


def test_two_candidates_by_hand() -> None:
    """Half of the differences, 0.1, 0.2, 0.1 and 0, times the weights: 4, 6, 2 and 0 of 12."""
    found = shares([Parts(0.2, 0.9, 0.4, 1.0), Parts(0.4, 0.5, 0.6, 1.0)])
    assert found == pytest.approx((4 / 12, 6 / 12, 2 / 12, 0.0))


def test_three_candidates_by_hand() -> None:
    """Squares around the mean: (0.3² + 0.3²) and (0.2² + 0.1² + 0.1²), so 0.424 and 0.245."""
    found = shares([Parts(0.2, 0.3, 0, 0), Parts(0.5, 0.6, 0, 0), Parts(0.8, 0.6, 0, 0)])
    engagement, freshness = 0.4 * math.sqrt(0.18), 0.3 * math.sqrt(0.06)
    whole = engagement + freshness
    assert found == pytest.approx((engagement / whole, freshness / whole, 0.0, 0.0))


def test_what_sets_rungs_apart_decides_nothing_since_scores_never_compare_them() -> None:
    fresh = [Parts(0.2, 1.0, 0.5, 1.0), Parts(0.4, 1.0, 0.5, 1.0)]
    trending = [Parts(0.3, 0.0, 0.5, 1.0), Parts(0.5, 0.0, 0.5, 1.0)]
    assert shares(fresh, trending) == Parts(1.0, 0.0, 0.0, 0.0)


def test_a_part_without_weight_decides_nothing() -> None:
    found = shares(
        [Parts(0.1, 0.9, 0.1, 0.2), Parts(0.9, 0.1, 0.2, 0.9)], weights=Weights(1.0, 0.0, 0.0, 0.0)
    )
    assert found == Parts(1.0, 0.0, 0.0, 0.0)


def test_where_all_candidates_score_the_same_no_part_decides() -> None:
    assert shares() is None
    assert shares([Parts(0.5, 0.5, 0.5, 0.5)]) is None
    assert shares([Parts(0.1, 0.2, 0.3, 0.7)] * 3) is None, "rounding does not count"


def test_a_candidate_that_sinks_for_a_figure_that_is_no_number_is_left_out() -> None:
    two = [Parts(0.2, 0.9, 0.4, 1.0), Parts(0.4, 0.5, 0.6, 1.0)]
    assert shares([*two, Parts(math.nan, 0.1, 0.1, 0.1)]) == shares(two)


@given(rungs)
def test_shares_sum_to_1(given_rungs: list[list[Parts]]) -> None:
    found = shares(*given_rungs)
    if found is not None:
        assert sum(found) == pytest.approx(1.0)
        assert all(share >= 0.0 for share in found)


def test_a_queue_knows_what_decided_it_and_a_chronological_one_that_no_part_did() -> None:
    posts = Catalogue.of(60).posts
    found = ranked(posts)
    assert found is not None
    assert sum(found) == pytest.approx(1.0)
    assert ranked(posts, Policy(chronological=True)) is None


@given(st.lists(candidates(), max_size=12, unique_by=lambda c: c.post_id))
def test_whatever_the_candidates_the_shares_are_numbers(posts: list[Candidate]) -> None:
    found = ranked(posts)
    assert found is None or all(map(math.isfinite, found))
