"""The sizes of a simulated world, and the settings of the feed that are changed in it."""

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
        viewers: The number of viewers. Half of them arrive on the first day, the others over the
            first two thirds of the days.
        creators: The number of creators.
        posts_at_start: The number of posts on the first day, which are at most two weeks old.
        posts_per_day: The number of posts that are published each day.
        days: The number of simulated days.
        page_size: The number of posts on a page.
        quota: The number of impressions that a new post is owed. It is 100 in production, and is
            scaled down with the population.
        upkeep_minutes: The simulated minutes between two runs of the upkeep. In production it is
            one.
        drift_percent: How far each viewer's taste has moved towards another one by the last day.
        leave_after: The number of boring visits in a row after which a viewer never comes back. It
            is 0 for viewers who always come back.
        untagged_percent: The percentage of posts whose creator wrote no tags.
        start_session: 1 where viewers open the app with POST /v1/sessions, as the client does, and
            0 where their first request is the one for the first page.
        environment: More settings of the feed function, by the names of their variables.
        half_life_h: The half-life of the hot score in hours, if it is not the database's own.
        variant: The metadata of a feature flag that is on for everybody.
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
    start_session: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    half_life_h: float | None = None
    variant: Mapping[str, Any] | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], base: Scale | None = None) -> Scale:
        """Read VIEWERS, CREATORS, DAYS and the like over the defaults of `base`.

        Raises:
            ScaleError: A value is not a whole number above 0.
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
        """Return the length of the simulated time in seconds."""
        return self.days * DAY_S


def whole_number(name: str, text: str) -> int:
    """Return the number that a variable gives.

    Raises:
        ScaleError: The text is not a whole number above 0.
    """
    if not text.isdecimal() or int(text) < 1:
        raise ScaleError(f"{name} must be a whole number above 0, not {text!r}")
    return int(text)


# A world that runs within seconds, for a first look and for the tests.
SMALL = Scale(viewers=16, creators=8, posts_at_start=80, posts_per_day=12, days=3, quota=4)
