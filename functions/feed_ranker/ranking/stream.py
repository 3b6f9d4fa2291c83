"""Posts in order of rank, and the one loop that fills positions from them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from shared.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from functions.feed_ranker.ranking.diversity import PageVariety
    from shared.models import Rung
    from shared.ranking import Parts


class Entry(NamedTuple):
    """A scored post of a queue."""

    post_id: UUID
    creator_id: UUID
    rung: Rung
    parts: Parts
    score: float
    followed: bool
    weight: float  # how likely exploration draws it, relative to others
    reason: str = ""  # what of the viewer's taste speaks for it: a reason's code
    evidence: Evidence = Evidence()


class RankedStream:
    """Posts in order of rank, made one by one as they are asked for: most never are."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._coming = iter(entries)
        self._waiting: dict[int, Entry] = {}
        self._places: dict[int, int] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Give the posts that were passed over before, then those that come."""
        yield from self._waiting.values()
        for entry in self._coming:
            self._waiting[entry.post_id.int] = entry
            self._places[entry.post_id.int] = len(self._places)
            yield entry

    def take(self, entry: Entry) -> None:
        """Take a post out that has come by."""
        del self._waiting[entry.post_id.int]

    def place(self, entry: Entry) -> int:
        """Return how many posts came before this one."""
        return self._places[entry.post_id.int]


class Filled(NamedTuple):
    """A position that was filled.

    `propensity` is how likely exploration drew the post, None where it was not drawn; `varied` says
    whether creator variety allowed the post, or nothing better was left.
    """

    entry: Entry
    propensity: float | None
    varied: bool


Draw = Callable[[int], tuple[Entry, float] | None]  # by position; None draws nothing


def no_draw(_: int) -> tuple[Entry, float] | None:
    """Leave every position to the ranking."""
    return None


def fill(
    stream: RankedStream,
    variety: PageVariety,
    count: int,
    *,
    draw: Draw = no_draw,
    following: UUID | None = None,
) -> Iterator[Filled]:
    """Fill positions, each with the first post that creator variety allows.

    Args:
        stream: Where the posts come from; those that are used are taken out of it.
        variety: The creators of the page so far.
        count: How many positions, where there are as many posts.
        draw: The post that exploration puts at a position and its propensity; None where it draws
            none.
        following: The creator of the post behind the positions, if one stands there.
    """
    for position in range(count):
        drawn = draw(position)
        entry, propensity = drawn or (variety.first(stream, following), None)
        if entry is None:
            return
        varied = variety.allows(entry.creator_id, following)
        stream.take(entry)
        variety.take(entry.creator_id)
        yield Filled(entry, propensity, varied)
