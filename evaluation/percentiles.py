"""Samples and their percentiles."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(samples: Sequence[float], percent: int) -> float:
    """A percentile, interpolated between the samples nearest to it.

    Args:
        samples: At least one.
        percent: 1 to 99.
    """
    if len(samples) == 1:
        return samples[0]
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


def spread(samples: Sequence[float]) -> dict[str, float]:
    """`n`, `p50_ms`, `p95_ms` and `p99_ms` of samples in milliseconds."""
    return {
        "n": len(samples),
        **{f"p{percent}_ms": round(percentile(samples, percent), 3) for percent in (50, 95, 99)},
    }


def mean(samples: Sequence[float]) -> float:
    """The arithmetic mean, rounded for the report."""
    return round(statistics.fmean(samples), 2)
