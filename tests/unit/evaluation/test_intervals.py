"""Means and intervals, checked against published values and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.intervals import estimate, paired, quantile


def test_the_interval_is_that_of_students_t() -> None:
    # Mean 3, standard deviation sqrt(2.5), five values: 2.776 * sqrt(2.5 / 5).
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3.0
    assert found.half_width == pytest.approx(2.776445 * math.sqrt(0.5))


def test_about_95_of_100_intervals_hold_the_true_mean() -> None:
    rng = np.random.default_rng(1)
    estimates = [estimate(rng.normal(7.0, 2.0, size=5).tolist()) for _ in range(4_000)]
    held = np.mean([abs(e.mean - 7.0) <= e.half_width for e in estimates])
    assert 0.94 < held < 0.96


def test_one_value_has_no_interval_and_proves_nothing() -> None:
    found = estimate([4.0])
    assert found.mean == 4.0
    assert math.isnan(found.half_width)
    assert not found.differs


def test_what_is_not_known_is_not_guessed() -> None:
    assert math.isnan(estimate([1.0, math.nan]).mean)


def test_differences_are_taken_seed_by_seed() -> None:
    ours, theirs = [1.1, 2.1, 3.1], [1.0, 2.0, 3.0]
    difference = paired(ours, theirs)
    assert difference.mean == pytest.approx(0.1)
    assert difference.half_width == pytest.approx(0.0, abs=1e-9)
    assert difference.differs


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (4, 2.776), (11, 2.201), (500, 1.965)])
def test_quantiles_are_those_of_the_printed_tables(freedom: int, t: float) -> None:
    assert quantile(freedom) == pytest.approx(t, abs=5e-4)
