"""Frozen data that the stages of the feed hand on to one another."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID


class Rung(StrEnum):
    """Why a post stands on a page: the rungs of the ladder in order, and the exploration."""

    FRESH = "fresh"
    FOLLOWING = "following"
    TRENDING = "trending"
    REPEAT = "repeat"
    RECYCLED = "recycled"
    EXPLORE = "explore"


UNSEEN_RUNGS = (Rung.FRESH, Rung.FOLLOWING, Rung.TRENDING)


class Device(StrEnum):
    """What the viewer watches on."""

    PHONE = "phone"
    TABLET = "tablet"
    DESKTOP = "desktop"
    TV = "tv"


class Connection(StrEnum):
    """What the viewer's network is like, best first."""

    WIFI = "wifi"
    FIVE_G = "5g"
    FOUR_G = "4g"
    THREE_G = "3g"
    TWO_G = "2g"


class Candidate(NamedTuple):
    """A post that retrieval offers to one viewer: a row of feed_candidates, in its order."""

    post_id: UUID
    creator_id: UUID
    rung: str  # fresh, following, trending, or seen
    published_at: datetime
    duration_ms: int | None = None
    impressions: int = 0
    plays: int = 0
    watch_ratio_sum: float = 0.0  # over plays, each at most 1
    likes: int = 0
    comments: int = 0
    shares: int = 0
    followed: bool = False
    creator_watch_ratio: float | None = None
    creator_like_rate: float | None = None
    creator_report_rate: float | None = None
    creator_samples: int | None = None
    creator_served: int = 0  # posts of this creator that the session was served before
    seen_rank: int | None = None  # seen posts only: 1 = the longest ago
    in_session: bool = False  # seen posts only: served in this session
    creator_affinity: float | None = None  # the viewer's, signed; None: none known
    tag_affinity: float | None = None  # summed over the post's tags, likewise
    heat: Sequence[float] | None = None  # as post_heat keeps it; None: nobody watched it lately
    follows: float | None = None  # how likely it is watched after the viewer's last posts
    source: str = ""  # the walk of retrieval that found it
    neighbourhoods: Sequence[str] | None = None  # its first tags, where the viewer is interviewed


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What retrieval found for one viewer.

    Attributes:
        unseen: Candidates of the rungs fresh, following and trending, in no order.
        seen: Candidates that would repeat, the longest ago first; empty unless a page needs them.
        complete: Whether `unseen` holds every unseen post that there is.
        revision: The revision of the viewer's feedback that retrieval knew at least.
        filtered: How many posts retrieval looked at (`walked`), and how many each filter left out.
    """

    unseen: tuple[Candidate, ...]
    seen: tuple[Candidate, ...]
    complete: bool
    revision: int = 0
    filtered: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        candidates: list[Candidate],
        *,
        complete: bool,
        revision: int = 0,
        filtered: Mapping[str, int] | None = None,
    ) -> Retrieved:
        """Split candidates by whether they would repeat."""
        seen = [c for c in candidates if c.seen_rank is not None]
        return cls(
            unseen=tuple(c for c in candidates if c.seen_rank is None),
            seen=tuple(sorted(seen, key=lambda c: c.seen_rank or 0)),
            complete=complete,
            revision=revision,
            filtered=filtered or {},
        )


class Signals(NamedTuple):
    """How one viewer engages: moving averages, each in [0, 1]."""

    like_rate: float = 0.0
    avg_watch_ratio: float = 0.0
    comment_rate: float = 0.0
    share_rate: float = 0.0
    freshness_preference: float = 0.5
    samples: int = 0


class WatchNorm(NamedTuple):
    """How much of the clips of one duration bucket is watched: a row of watch_norms."""

    bucket: int
    plays: float
    watch_ratio_sum: float


_DAYPARTS = (
    (0, "night"),
    (6, "morning"),
    (9, "midday"),
    (14, "afternoon"),
    (18, "evening"),
    (21, "late"),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """When and on what the viewer watches.

    Attributes:
        now: The time that ages are measured from, with a time zone.
        hour: The viewer's local time of day in hours, [0, 24).
    """

    now: datetime
    hour: float
    device: Device = Device.PHONE
    connection: Connection = Connection.WIFI

    @classmethod
    def local(cls, now: datetime, timezone: str, device: Device, connection: Connection) -> Moment:
        """Return the moment `now` of a viewer in an IANA time zone."""
        local = now.astimezone(ZoneInfo(timezone))
        return cls(now, local.hour + local.minute / 60, device, connection)

    @property
    def daypart(self) -> str:
        """The part of the viewer's day, as cohorts are named by it."""
        return _DAYPARTS[bisect_right(_DAYPARTS, self.hour, key=lambda part: part[0]) - 1][1]
