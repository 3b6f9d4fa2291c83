from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.models import Candidate, Signals, WatchNorm
from shared.ranking import Ranker
from shared.ranking_config import (
    Prior,
    RankingConfig,
    Weights,
    with_mix,
    with_norms,
)
from tests.unit.shared.generators import MOMENT, candidates


def test_the_weights_are_the_prescribed_ones_unless_others_are_given() -> None:
    assert Weights() == Weights(engagement=0.40, freshness=0.30, context=0.20, diversity=0.10)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(any))
def test_any_weights_that_sum_to_1_are_accepted(values: list[float]) -> None:
    whole = sum(values)
    weights = Weights(*(value / whole for value in values))
    assert math.isclose(
        weights.engagement + weights.freshness + weights.context + weights.diversity, 1.0
    )


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_weights_that_do_not_sum_to_1_are_refused(values: list[float]) -> None:
    assume(not math.isclose(sum(values), 1.0, abs_tol=1e-9))
    with pytest.raises(ValueError, match="sum to 1"):
        Weights(*values)


@pytest.mark.parametrize(
    "values",
    [
        (1.2, -0.2, 0.0, 0.0),
        (math.nan, 0.3, 0.2, 0.1),
        (math.inf, 0.3, 0.2, 0.1),
        (0.0, 0.0, 2.0, -1.0),
    ],
)
def test_weights_outside_0_to_1_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Weights(*values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"watch": (Prior(0.5),)}, "per duration bucket"),
        ({"duration_bounds_ms": (15_000, 60_000, 30_000, 120_000)}, "must grow"),
        ({"duration_bounds_ms": (15_000, 15_000, 60_000, 120_000)}, "must grow"),
        ({"like": Prior(0.0)}, "priors"),
        ({"like": Prior(1.0)}, "priors"),
        ({"share": Prior(0.1, trials=0)}, "priors"),
        ({"comment": Prior(math.nan)}, "priors"),
        ({"freshness_half_life_h": 0.0}, "positive"),
        ({"freshness_half_life_h": math.nan}, "positive"),
        ({"confident_impressions": 0.0}, "positive"),
        ({"virality_shares": (0.5, 0.5, 0.0, 0.0)}, "positive"),
        ({"followed_lift": 1.1}, "followed lift"),
        ({"creator_variety": -0.1}, "creator variety"),
        ({"creator_variety": 2.0}, "creator variety"),
        ({"taste_doublings": -0.1}, "must not be negative"),
        ({"taste_doublings": math.nan}, "must not be negative"),
        ({"heat_range": 0.0}, "heat range"),
        ({"heat_doubt": 0.0}, "heat doubt"),
        ({"neighbours": 1.0}, "share of neighbours"),
        ({"learnt_neighbours": -0.1}, "share of neighbours"),
        ({"neighbour_lift": -1.0}, "must not be negative"),
        ({"mix_day": 1.5}, "half-lives"),
        ({"mix_hour": math.nan}, "half-lives"),
        ({"learnt_mix": (1.0, 0.0)}, "each half-life"),
        ({"learnt_mix": (0.0, 0.0, 0.0, 0.0)}, "each half-life"),
        ({"taste_half": 0.0}, "half affinity"),
        ({"tolerated_reports": 0.0}, "tolerated reports"),
    ],
)
def test_a_configuration_that_could_break_a_score_is_refused(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        RankingConfig(**change)


def test_a_configuration_cannot_be_changed_after_it_was_checked() -> None:
    with pytest.raises(FrozenInstanceError):
        RankingConfig().followed_lift = 9.0  # type: ignore[misc]  # what the test is about


priors = st.builds(Prior, st.floats(0.001, 0.999), st.floats(0.1, 1e6))
positive = st.floats(1e-3, 1e6)
configs = st.builds(
    RankingConfig,
    like=priors,
    comment=priors,
    share=priors,
    watch=st.tuples(*[priors] * 5),
    virality_shares=st.tuples(*[positive] * 4),
    confident_impressions=positive,
    followed_lift=st.floats(0, 1),
    freshness_half_life_h=positive,
    creator_variety=st.floats(0, 1),
    taste_doublings=st.floats(0, 100),
    heat_range=positive,
    heat_doubt=positive,
    learnt_neighbours=st.floats(0, 0.99),
    neighbours=st.floats(0, 0.99),
    neighbour_lift=st.floats(0, 100),
    taste_half=positive,
    tolerated_reports=positive,
)


@given(configs, candidates(), st.integers(0, 50))
def test_under_every_accepted_configuration_the_parts_lie_between_0_and_1(
    config: RankingConfig, candidate: Candidate, served: int
) -> None:
    parts = Ranker(config, Signals(), MOMENT).parts(candidate, served)
    assert all(0.0 <= part <= 1.0 + 1e-12 for part in parts)


@given(priors, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_smoothed_rate_lies_between_the_belief_and_what_was_observed(
    prior: Prior, successes: int, failures: int
) -> None:
    trials = successes + failures
    smooth = prior.smooth(successes, trials)
    observed = successes / trials if trials else prior.mean
    low, high = sorted((observed, prior.mean))
    assert low - 1e-9 <= smooth <= high + 1e-9


def test_a_belief_counts_as_many_trials_as_it_says() -> None:
    assert Prior(0.5, trials=10).smooth(10, 10) == pytest.approx(0.75)


def test_watch_norms_take_the_priors_place_as_far_as_they_were_measured() -> None:
    config = with_norms(RankingConfig(), [WatchNorm(1, 0.0, 0.0), WatchNorm(3, 180.0, 171.0)])
    assert config.watch[:3] == RankingConfig().watch[:3]
    assert config.watch[3].mean == pytest.approx((171 + 20 * 0.45) / 200)
    assert config.watch[3].trials == 20
    assert config.watch[4] == RankingConfig().watch[4]


@given(
    st.lists(st.builds(WatchNorm, st.integers(-3, 9), st.floats(-1e9, 1e12), st.floats(-1e9, 1e12)))
)
def test_no_norms_make_a_configuration_that_cannot_be(norms: list[WatchNorm]) -> None:
    config = with_norms(RankingConfig(), norms)
    assert len(config.watch) == 5
    assert all(0.0 < prior.mean < 1.0 for prior in config.watch)


@given(candidates(), st.floats(0, 1e6))
def test_under_measured_norms_the_parts_lie_between_0_and_1(
    candidate: Candidate, plays: float
) -> None:
    norms = [WatchNorm(bucket, plays, plays * 0.9) for bucket in range(5)]
    parts = Ranker(with_norms(RankingConfig(), norms), Signals(), MOMENT).parts(candidate)
    assert all(0.0 <= part <= 1.0 + 1e-12 for part in parts)


@given(st.lists(st.floats(), max_size=6))
def test_no_mix_makes_a_configuration_that_cannot_be(weights: list[float]) -> None:
    mix = with_mix(RankingConfig(), weights).mix
    assert len(mix) == 4
    assert sum(mix) == pytest.approx(1.0)


def test_a_pinned_mix_is_in_force_whatever_is_learnt() -> None:
    pinned = with_mix(RankingConfig(mix_minutes=0.5, mix_day=0.5), [0.1, 0.2, 0.3, 0.4])
    assert pinned.mix == (0.5, 0.0, 0.0, 0.5)
    assert with_mix(RankingConfig(), [0.1, 0.2, 0.3, 0.4]).mix == pytest.approx(
        (0.1, 0.2, 0.3, 0.4)
    )


def test_the_share_of_neighbours_is_the_learnt_odds_lifted_unless_a_flag_pins_it() -> None:
    config, mix = RankingConfig(neighbour_lift=3.0), [0.25] * 4
    assert with_mix(config, [*mix, 0.25]).neighbour_share == pytest.approx(0.5)
    assert with_mix(config, [*mix, 0.0]).neighbour_share == 0.0
    assert with_mix(config, mix).learnt_neighbours == config.learnt_neighbours
    for unusable in ([*mix, -0.1], [*mix, 1.0], [*mix, math.nan], [*mix, 0.2, 0.2]):
        assert with_mix(config, unusable) is config
    pinned = with_mix(RankingConfig(neighbours=0.4), [*mix, 0.25])
    assert pinned.neighbour_share == 0.4
