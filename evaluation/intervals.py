"""Means of independent values with 95 % intervals, by Student's t."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and half the width of its 95 % interval; NaN where it is unknown."""

    mean: float
    half_width: float

    @property
    def differs(self) -> bool:
        """Tell whether the interval excludes 0."""
        return abs(self.mean) > self.half_width


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of independent values, with its interval."""
    n = len(values)
    if any(math.isnan(value) for value in values):
        return Estimate(math.nan, math.nan)
    if n < 2:  # noqa: PLR2004  # no spread without two
        return Estimate(fmean(values), math.nan)
    return Estimate(fmean(values), quantile(n - 1) * stdev(values) / math.sqrt(n))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Return the mean difference of values that belong to the same seed or event."""
    return estimate([a - b for a, b in zip(ours, theirs, strict=True)])


def quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t with so many degrees of freedom."""
    return float(stats.t.ppf((1.0 + _CONFIDENCE) / 2.0, freedom))
