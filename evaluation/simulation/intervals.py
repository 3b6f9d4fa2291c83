"""Means over seeds with 95 % intervals, by Student's t."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The 97.5 % quantile of Student's t by degrees of freedom; 1.96 in the limit.
_T = (
    (1, 12.706),
    (2, 4.303),
    (3, 3.182),
    (4, 2.776),
    (5, 2.571),
    (6, 2.447),
    (7, 2.365),
    (8, 2.306),
    (9, 2.262),
    (10, 2.228),
    (12, 2.179),
    (15, 2.131),
    (20, 2.086),
    (30, 2.042),
    (60, 2.000),
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and half the width of its 95 % interval; NaN where nothing is known."""

    mean: float
    half_width: float

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.mean) > self.half_width


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent values, with its interval."""
    n = len(values)
    if any(math.isnan(value) for value in values):
        return Estimate(math.nan, math.nan)
    if n < 2:  # noqa: PLR2004  # no spread without two
        return Estimate(fmean(values), math.nan)
    return Estimate(fmean(values), quantile(n - 1) * stdev(values) / math.sqrt(n))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """The mean difference of values that belong to the same seed."""
    return estimate([a - b for a, b in zip(ours, theirs, strict=True)])


def quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, at the nearest tabled freedom below."""
    return min(t for known, t in _T if known <= freedom)
