"""The ranked queue of a session: what its next pages are taken from. Pure.

The ladder gives the order of rungs, the score the order within a rung, creator variety has the last
word. The queue ends with posts that only exploration would show. A chronological queue knows none
of that: the newest unseen post comes first.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from functions.feed_ranker.ranking.diversity import PageVariety
from functions.feed_ranker.ranking.ladder import Entry, Line, by_age, by_ladder, make_entry, weight
from shared.models import Source
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.feed_ranker.ranking.exploration import Discovery
    from shared.models import Candidate, Retrieval
    from shared.ranking import Ranker

_PAGES = 4  # of a queue: more than anybody watches in the minute that it lives
_PAGES_OUTRUN = 10  # of the next one, for a viewer who skipped through the last while it lived
_MIN_RANKED = 48
_MAX_RANKED = 150
_DISCOVERY = 16


@dataclass(frozen=True, slots=True)
class Queue:
    """Posts in order of rank: a page takes the first that its variety allows.

    Attributes:
        entries: Unseen posts: those that ranking would show, then those for discovery alone.
        ranked: How many of them ranking would show.
        seen: Posts that would repeat, the longest ago first; never cached.
        complete: No unseen post exists besides `entries`.
        page_size: The page size that variety was arranged for.
        revision: Of the viewer's feedback, as the ranking knew it.
        policy: What it was ranked under.
        ranked_by: The request that ranked it.
    """

    entries: tuple[Entry, ...]
    ranked: int
    seen: tuple[Entry, ...]
    complete: bool
    page_size: int
    revision: int = 0
    policy: Policy = field(default_factory=Policy)
    ranked_by: str = ""

    def left(self, used: int) -> dict[int, Entry]:
        """The entries whose bit in `used` is not set, by index, in order."""
        return {i: entry for i, entry in enumerate(self.entries) if not used >> i & 1}


def ranked_length(page_size: int, *, outrun: bool = False) -> int:
    """How many posts a queue holds for ranked positions.

    A queue costs by its length, and most of it is thrown away when it expires. So it is short until
    the viewer shows that they scroll faster than it does (`outrun`).
    """
    pages = _PAGES_OUTRUN if outrun else _PAGES
    return max(_MIN_RANKED, min(_MAX_RANKED, pages * page_size))


def wanted(length: int) -> int:
    """How many unseen candidates `length` ranked positions take: half as many again, for choice."""
    return 3 * length // 2


def build(
    retrieval: Retrieval,
    ranker: Ranker,
    page_size: int,
    last_creator: bytes,
    discovery: Discovery,
    policy: Policy | None = None,
    *,
    length: int | None = None,
) -> Queue:
    """Rank what was retrieved.

    Args:
        retrieval: The candidates.
        ranker: Their scorer.
        page_size: For which creator variety is arranged.
        last_creator: The tag of the creator of the session's last post.
        discovery: How likely exploration draws which post.
        policy: Whether the feed is ranked at all; without one, it is.
        length: Posts for ranked positions; None: as `ranked_length` has it for the page size.
    """
    policy, length = policy or Policy(), length or ranked_length(page_size)
    arrange = by_age if policy.chronological else by_ladder
    line = Line(arrange(retrieval.unseen, ranker, discovery))
    ranked = _varied(line, length, page_size, last_creator, limited=not policy.chronological)
    placed = {entry.post_id.int for entry in ranked}
    rest = [c for c in retrieval.unseen if c.post_id.int not in placed]
    complete = retrieval.complete and len(rest) <= _DISCOVERY
    spare: list[Entry] = []
    if complete or policy.chronological:
        ranked += islice(line, _DISCOVERY)  # where there is nothing else, ranking shows all of it
    else:
        spare = _discoveries(rest, ranked, ranker, discovery)
    return Queue(
        entries=(*sorted(ranked, key=line.place), *spare),
        ranked=len(ranked),
        seen=tuple(
            make_entry(c, Source.RECYCLED, ranker.parts(c, c.creator_served), ranker, discovery)
            for c in retrieval.seen
        ),
        complete=complete,
        page_size=page_size,
        revision=retrieval.revision,
        policy=policy,
    )


def _varied(
    line: Line, length: int, page_size: int, last_creator: bytes, *, limited: bool
) -> list[Entry]:
    """The posts of ranked positions: what pages take, one after another, if nothing is explored."""
    ranked: list[Entry] = []
    while len(ranked) < length:
        variety = PageVariety(last_creator, limited=limited)
        for _ in range(min(page_size, length - len(ranked))):
            entry = variety.first(line)
            if entry is None:
                return ranked
            line.take(entry)
            ranked.append(entry)
            variety.take(entry.creator_id)
        last_creator = variety.last_creator
    return ranked


def _discoveries(
    rest: Iterable[Candidate], ranked: Iterable[Entry], ranker: Ranker, discovery: Discovery
) -> list[Entry]:
    """The posts that discovery favours among those that have no ranked position."""
    held = Counter(entry.creator_id.int for entry in ranked)
    weighed = ((weight(c, discovery), c.post_id, c) for c in rest)
    return [
        make_entry(
            c,
            Source(c.rung),
            ranker.parts(c, c.creator_served + held[c.creator_id.int]),
            ranker,
            discovery,
        )
        for _, _, c in heapq.nlargest(_DISCOVERY, weighed, key=itemgetter(0, 1))
    ]
