"""The figures of each viewer and of each new post, by which two feeds are compared in pairs.

Like all that a world needs, this module imports no package that an older build may lack.
"""

from __future__ import annotations

from dataclasses import dataclass


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
