"""How large a simulated world is, and what of the feed's settings is changed in it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY_S = 86_400.0
HOUR_S = 3_600.0
MINUTE_S = 60.0


class ScaleError(ValueError):
    """A size of the simulated world is not a usable number."""


@dataclass(frozen=True)
class Scale:
    """The sizes of one world.

    Attributes:
        viewers: Who arrive over the first two thirds of the days, half of them on the first.
        creators: Who publish.
        posts_at_start: Posts that are there on the first day, at most two weeks old.
        posts_per_day: Posts that are published each day.
        days: Simulated days.
        page_size: Posts a page.
        quota: Impressions that a new post is owed. In life 100; scaled down with the population.
        upkeep_minutes: Simulated minutes between two runs of the upkeep (in life one).
        drift_percent: How far each viewer's taste has moved towards another one by the last day.
        leave_after: Visits in a row that end in boredom after which a viewer never comes back; 0
            for viewers who always do.
        untagged_percent: Of the posts, those whose creator wrote no tags.
        environment: Further settings of the feed function, by their variables' names.
        half_life_h: The hot score's half-life in hours, where it is not the database's own.
        variant: Metadata of a feature flag that is on for everybody.
    """

    viewers: int = 180
    creators: int = 60
    posts_at_start: int = 500
    posts_per_day: int = 70
    days: int = 12
    page_size: int = 12
    quota: int = 10
    upkeep_minutes: int = 15
    drift_percent: int = 0
    leave_after: int = 0
    untagged_percent: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    half_life_h: float | None = None
    variant: Mapping[str, Any] | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], base: Scale | None = None) -> Scale:
        """Read VIEWERS, CREATORS, DAYS and the like over the defaults of `base`.

        Raises:
            ScaleError: One is no whole number above 0.
        """
        base = base or cls()
        given: dict[str, Any] = {}
        for known in fields(cls):
            text = environment.get(known.name.upper())
            if text and isinstance(getattr(base, known.name), int):
                given[known.name] = whole_number(known.name.upper(), text)
        return replace(base, **given)

    @property
    def seconds(self) -> float:
        """The length of the simulated time."""
        return self.days * DAY_S


def whole_number(name: str, text: str) -> int:
    """The number that a variable gives.

    Raises:
        ScaleError: It is no whole number above 0.
    """
    if not text.isdecimal() or int(text) < 1:
        raise ScaleError(f"{name} must be a whole number above 0, not {text!r}")
    return int(text)


# A world of seconds, for a look and for the tests.
SMALL = Scale(viewers=16, creators=8, posts_at_start=80, posts_per_day=12, days=3, quota=4)
