"""What is learnt from watches, computed the slow and plain way."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)  # of the hot score
_DAY_S = 86_400.0

# Of the 20-second clips that the tests make, before anything is measured.
NORM = 0.70
FINISHED = 0.5  # of what goes together, at least half was watched


def fold(observations: Iterable[float], average: float | None = None, alpha: float = 0.2) -> float:
    """The moving average after the last observation; the first is taken whole."""
    for observed in observations:
        average = observed if average is None else alpha * float(observed) + (1 - alpha) * average
    assert average is not None
    return float(average)


def hot(*events: tuple[datetime, float]) -> float:
    """log2 of the sum of weight * 2^(time in days)."""
    exponents = [(at - EPOCH).total_seconds() / _DAY_S + math.log2(w) for at, w in events if w > 0]
    top = max(exponents)
    return top + math.log2(sum(2 ** (e - top) for e in exponents))


@dataclass(frozen=True, slots=True)
class Watched:
    """One accepted watch."""

    viewer: UUID
    post: UUID
    play_ms: int
    duration_ms: int
    liked: bool
    commented: bool
    shared: bool

    @classmethod
    def of(cls, viewer: UUID, row: dict[str, Any]) -> Watched:
        names = ("play_ms", "duration_ms", "liked", "commented", "shared")
        return cls(viewer, row["post_id"], *(row[name] for name in names))

    @property
    def ratio(self) -> float:
        return min(1.0, self.play_ms / self.duration_ms)

    @property
    def loops(self) -> bool:
        return self.play_ms > self.duration_ms + 250  # a full watch may end a little late


@dataclass(slots=True)
class Given:
    """What one viewer gave one post."""

    plays: int = 0
    best_ratio: float = 0.0
    liked: bool = False
    commented: bool = False
    shared: bool = False

    def take(self, watched: Watched) -> float:
        """Add a watch; what the weight grew by."""
        before = self.weight
        self.plays += 1 + watched.loops
        self.best_ratio = max(self.best_ratio, watched.ratio)
        self.liked |= watched.liked
        self.commented |= watched.commented
        self.shared |= watched.shared
        return self.weight - before

    @property
    def weight(self) -> float:
        return self.best_ratio + 2 * self.liked + 3 * self.commented + 4 * self.shared


@dataclass(slots=True)
class Counted:
    """The figures of one post."""

    plays: int = 0
    watch_ratio_sum: float = 0.0
    likes: int = 0
    comments: int = 0
    shares: int = 0
    replays: int = 0
    weight: float = 0.0


@dataclass
class ReferenceFigures:
    """Everything that follows from the watches told so far."""

    given: dict[tuple[UUID, UUID], Given] = field(default_factory=lambda: defaultdict(Given))

    def tell(self, watches: Sequence[Watched]) -> list[float]:
        """Watches in order; what the weight of each grew by."""
        return [self.given[w.viewer, w.post].take(w) for w in watches]

    def post(self, post: UUID) -> Counted:
        counted = Counted()
        for (_, about), given in self.given.items():
            if about == post:
                counted.plays += 1
                counted.watch_ratio_sum += given.best_ratio
                counted.likes += given.liked
                counted.comments += given.commented
                counted.shares += given.shared
                counted.replays += given.plays - 1
                counted.weight += given.weight
        return counted
