"""What a simulated viewer needs of a feed, whichever answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from evaluation.simulation.behaviour import Outcome


@dataclass(slots=True)
class Session:
    """One visit of a viewer.

    Attributes:
        viewer: Index of who visits.
        number: Which of the viewer's visits.
        token: What the feed gave to go on with; None before the first page.
        id: The feed's name of the session, where it has one.
        pages: Pages asked for so far.
    """

    viewer: int
    number: int
    token: str | None = None
    id: UUID | None = None
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """A post at its place on a page.

    Attributes:
        post: Its index.
        source: Why it stands there, as the feed says.
        position: From 0.
    """

    post: int
    source: str
    position: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A page.

    Attributes:
        slots: In order.
        hit: It came from the session cache; None where there is none.
        degraded: Why it is less than promised; None where it is not.
    """

    slots: tuple[Slot, ...]
    hit: bool | None = None
    degraded: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A post as it was watched.

    Attributes:
        slot: The post and its place.
        seen_s: When it came into sight.
        outcome: What the viewer did with it.
    """

    slot: Slot
    seen_s: float
    outcome: Outcome


class Arm(Protocol):
    """A feed under comparison. Times are seconds since the simulated start."""

    name: str

    def publish(self, posts: Sequence[int]) -> None:
        """Take in posts that have just come out."""

    def page(self, session: Session, now_s: float) -> Answer:
        """The session's next page."""

    def learn(self, session: Session, views: Sequence[View], now_s: float) -> None:
        """Hear what the viewer watched since the last time."""

    def upkeep(self, now_s: float) -> None:
        """Do what is done on a schedule."""
