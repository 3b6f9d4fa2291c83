"""Frozen data that the stages of the feed hand on to one another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class Source(StrEnum):
    """Why a post stands on a page: the rungs of the ladder in order, and the exploration."""

    FRESH = "fresh"
    FOLLOWING = "following"
    TRENDING = "trending"
    REPEAT = "repeat"
    RECYCLED = "recycled"
    EXPLORE = "explore"


UNSEEN_RUNGS = (Source.FRESH, Source.FOLLOWING, Source.TRENDING)


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


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What retrieval found for one viewer.

    Attributes:
        unseen: Candidates of the rungs fresh, following and trending, in no order.
        seen: Candidates that would repeat, the longest ago first; empty unless a page needs them.
        complete: No unseen post exists besides `unseen`.
    """

    unseen: tuple[Candidate, ...]
    seen: tuple[Candidate, ...]
    complete: bool

    @classmethod
    def of(cls, candidates: list[Candidate], *, complete: bool) -> Retrieval:
        """Split candidates by whether they would repeat."""
        seen = [c for c in candidates if c.seen_rank is not None]
        return cls(
            unseen=tuple(c for c in candidates if c.seen_rank is None),
            seen=tuple(sorted(seen, key=lambda c: c.seen_rank or 0)),
            complete=complete,
        )


class Signals(NamedTuple):
    """How one viewer engages: moving averages, each in [0, 1]."""

    like_rate: float = 0.0
    avg_watch_ratio: float = 0.0
    comment_rate: float = 0.0
    share_rate: float = 0.0
    freshness_preference: float = 0.5
    samples: int = 0


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
