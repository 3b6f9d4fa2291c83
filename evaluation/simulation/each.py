"""The figures of each viewer and of each new post, by which two feeds are compared in pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.intervals import Estimate, estimate

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Each:
    """The figures of one feed in one world, one by one. A value is NaN where there is none.

    Attributes:
        watch_ratio: The mean share of a post that was watched, by viewer.
        minutes: The watched minutes by viewer, scaled so that their mean is that of a viewer and
            day.
        taste_found: 1 for each viewer whose taste was found, and 0 for the others who had the time.
        left: 1 for each viewer who left for good, and 0 for the others.
        quota_met: 1 for each new post that got its quota in time, and 0 for the others.
    """

    watch_ratio: tuple[float, ...] = ()
    minutes: tuple[float, ...] = ()
    taste_found: tuple[float, ...] = ()
    left: tuple[float, ...] = ()
    quota_met: tuple[float, ...] = ()


def paired_by(ours: Sequence[Each], theirs: Sequence[Each], name: str) -> Estimate:
    """Return the mean of a figure's differences over all viewers (or posts) of all worlds.

    Args:
        ours: One feed, world by world.
        theirs: The other feed in the same worlds.
        name: The name of the field in `Each`.
    """
    differences = [
        a - b
        for one, other in zip(ours, theirs, strict=True)
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True)
        if not (math.isnan(a) or math.isnan(b))
    ]
    return estimate(differences) if differences else Estimate(math.nan, math.nan)
