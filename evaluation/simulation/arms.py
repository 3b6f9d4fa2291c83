"""The interface of a feed that simulated viewers use."""

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
        viewer: The index of the viewer.
        number: The number of this visit among all visits of the viewer.
        token: The feed's token for the next page. It is None before the first page.
        id: The feed's id of the session, if it has one.
        pages: The number of pages that were requested so far.
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
        post: The index of the post.
        source: The source that the feed names for the post.
        position: The position, counted from 0.
    """

    post: int
    source: str
    position: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of a feed.

    Attributes:
        slots: The posts in order.
        hit: True where it came from the session cache. It is None for a feed without a cache.
        degraded: The reason why the page is less than promised, or None.
    """

    slots: tuple[Slot, ...]
    hit: bool | None = None
    degraded: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A view of a post.

    Attributes:
        slot: The post and its place.
        seen_s: The time at which it came into sight.
        outcome: The reaction of the viewer.
    """

    slot: Slot
    seen_s: float
    outcome: Outcome


class Arm(Protocol):
    """A feed under comparison. Times are seconds since the simulated start."""

    name: str

    def publish(self, posts: Sequence[int]) -> None:
        """Take in posts that have just been published."""

    def page(self, session: Session, now_s: float) -> Answer:
        """Return the next page of the session."""

    def learn(self, session: Session, views: Sequence[View], now_s: float) -> None:
        """Take in what the viewer watched since the last call."""

    def upkeep(self, now_s: float) -> None:
        """Do the work that a schedule starts."""
