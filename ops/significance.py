"""The statistics of an experiment's report, as pure functions."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Mapping

_Z = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def interval(mean: float, sd: float, n: int) -> Interval:
    """Return the normal interval of a mean of `n` viewers, which is sound from about thirty on.

    Args:
        mean: The mean over viewers.
        sd: The standard deviation over viewers, with n - 1.
        n: The number of viewers, which is at least 2.
    """
    half = _Z * sd / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def difference(
    arm: tuple[float, float, int], control: tuple[float, float, int]
) -> tuple[Interval, float]:
    """Return the difference of two means with its p value. Each mean is given as (mean, sd, n).

    The interval uses Welch's standard error, because the variances of the arms may differ, with the
    quantiles of the normal distribution.
    """
    (mean, sd, n), (base, base_sd, base_n) = arm, control
    error = math.sqrt(sd**2 / n + base_sd**2 / base_n)
    delta = mean - base
    if error == 0.0:
        return Interval(delta, delta, delta), 1.0 if delta == 0.0 else 0.0
    p = math.erfc(abs(delta) / error / math.sqrt(2.0))
    return Interval(delta, delta - _Z * error, delta + _Z * error), p


def sample_ratio(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return the p value of the counts under the configured shares (Pearson's chi-square).

    A p value under 0.001 shows that viewers were lost on the way to one arm. Then no other figure
    of the experiment can be trusted.

    Args:
        counts: The number of viewers by arm.
        shares: The share that each arm should have, in any unit. An arm without one is refused.

    Raises:
        ValueError: An arm has viewers but no share, or there are fewer than two arms.
    """
    arms = [arm for arm, share in shares.items() if share > 0.0]
    if any(count and arm not in arms for arm, count in counts.items()):
        raise ValueError("an arm has viewers that no flag sends there")
    if len(arms) < 2:  # noqa: PLR2004  # one arm has no ratio
        raise ValueError("a ratio needs two arms")
    viewers, whole = sum(counts.values()), sum(shares[arm] for arm in arms)
    if not viewers:
        return 1.0
    expected = [viewers * shares[arm] / whole for arm in arms]
    return float(stats.chisquare([counts.get(arm, 0) for arm in arms], expected).pvalue)
