from __future__ import annotations

import math

import numpy as np
import pytest

from ops.significance import difference, interval, sample_ratio


def test_a_ratio_as_configured_is_no_surprise_and_one_far_off_is() -> None:
    shares = {"a": 0.5, "b": 0.5}
    assert sample_ratio({"a": 500, "b": 500}, shares) == 1.0
    assert sample_ratio({"a": 520, "b": 480}, shares) == pytest.approx(0.2059, abs=1e-4)
    assert sample_ratio({"a": 600, "b": 400}, shares) < 1e-9


def test_an_arm_that_nobody_reached_is_missed() -> None:
    assert sample_ratio({"a": 100}, {"a": 0.5, "b": 0.5}) < 1e-9


def test_shares_may_be_of_any_whole() -> None:
    counts = {"a": 30, "b": 65}
    assert sample_ratio(counts, {"a": 0.1, "b": 0.2}) == pytest.approx(
        sample_ratio(counts, {"a": 1.0, "b": 2.0})
    )


def test_viewers_where_no_flag_sends_them_are_an_error() -> None:
    with pytest.raises(ValueError, match="no flag sends"):
        sample_ratio({"a": 1, "c": 1}, {"a": 0.5, "b": 0.5})
    with pytest.raises(ValueError, match="two arms"):
        sample_ratio({"a": 1}, {"a": 1.0})


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    found = interval(0.5, 0.2, 400)
    assert found == pytest.approx((0.5, 0.5 - 0.0196, 0.5 + 0.0196), abs=1e-5)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(7)
    holds = 0
    for _ in range(2_000):
        sample = random.beta(2, 3, size=60)
        found = interval(float(sample.mean()), float(sample.std(ddof=1)), 60)
        holds += found.low <= 0.4 <= found.high
    assert holds / 2_000 == pytest.approx(0.95, abs=0.02)


def test_a_difference_counts_the_spread_of_both_arms() -> None:
    delta, p = difference((0.55, 0.3, 900), (0.50, 0.2, 400))
    error = math.sqrt(0.3**2 / 900 + 0.2**2 / 400)
    assert delta.mean == pytest.approx(0.05)
    assert delta.high - delta.mean == pytest.approx(1.959964 * error)
    assert p == pytest.approx(math.erfc(0.05 / error / math.sqrt(2)))


def test_a_difference_without_spread_is_certain() -> None:
    assert difference((0.5, 0.0, 10), (0.5, 0.0, 10))[1] == 1.0
    assert difference((0.6, 0.0, 10), (0.5, 0.0, 10))[1] == 0.0
