"""How much posts are being watched now, at several time scales. Pure.

The database keeps a post's engagement decayed forward, as the logarithm of the sum, once for each
half-life (`post_heat`). Here it becomes what it is worth at a moment.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# As vroom_private.heat_half_lives() has them, in seconds: minutes, an hour, hours, a day.
HALF_LIVES_S: Final = (480.0, 3_600.0, 21_600.0, 86_400.0)
SCALES: Final = ("minutes", "hour", "hours", "day")
Watches = tuple[float, float, float, float]  # decayed watches, for each half-life
COLD: Final[Watches] = (0.0, 0.0, 0.0, 0.0)
_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)  # what the database counts half-lives from
_BOUND: Final = 60.0  # doublings, either way: beyond it a figure means nothing


class Thermometer:
    """Reads heat at one moment."""

    def __init__(self, now: datetime) -> None:
        passed_s = (now - _SINCE).total_seconds()
        self._now = tuple(passed_s / half_life_s for half_life_s in HALF_LIVES_S)

    def read(self, heat: Sequence[float] | None) -> Watches:
        """Return the watches that a post's heat amounts to now, decayed, for each half-life."""
        if heat is None:
            return COLD
        # Written out, because this is worked out for every candidate that is watched.
        minutes, hour, hours, day = heat
        a, b, c, d = self._now
        w, x, y, z = minutes - a, hour - b, hours - c, day - d
        if not (
            -_BOUND <= w <= _BOUND
            and -_BOUND <= x <= _BOUND
            and -_BOUND <= y <= _BOUND
            and -_BOUND <= z <= _BOUND
        ):
            w, x, y, z = map(_bounded, (w, x, y, z))
        return 2.0**w, 2.0**x, 2.0**y, 2.0**z


def _bounded(doublings: float) -> float:
    return min(max(doublings, -_BOUND), _BOUND)


def momentum(watches: Watches, mix: Sequence[float]) -> float:
    """Return how far attention to a post is rising, in (0, 1); one half where it is steady.

    Its rate by the mix of half-lives is held against its rate over the longest one. Every post is
    given one watch a day, so that attention that was never there is steady too.

    Args:
        watches: As `Thermometer.read` returns them.
        mix: The weight of each half-life, summing to 1.
    """
    # Written out for four half-lives: this is worked out for every candidate that is watched.
    minutes, hour, hours, day = watches
    a, b, c, d = mix
    of_minutes, of_hour, of_hours, of_day = HALF_LIVES_S
    now = 1.0 / of_day + (
        a * minutes / of_minutes + b * hour / of_hour + c * hours / of_hours + d * day / of_day
    )
    return now / (now + (1.0 + day) / of_day)
