"""The ranked queue of a session: what its next pages are taken from. Pure.

The ladder gives the order of rungs, and the score gives the order within a rung. Creator variety
then decides which of them a position gets. The queue ends with posts that only exploration would
show. In a chronological queue the newest unseen post comes first, and nothing else counts.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from functions.feed_ranker.ranking.diversity import PageVariety
from functions.feed_ranker.ranking.influence import Influence
from functions.feed_ranker.ranking.interview import neighbourhoods_of, spread
from functions.feed_ranker.ranking.ladder import (
    Maker,
    by_age,
    by_ladder,
    taste_reason,
)
from functions.feed_ranker.ranking.personal import Weaver
from functions.feed_ranker.ranking.stream import Entry, RankedStream, fill
from shared.models import Rung
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from functions.feed_ranker.ranking.exploration import Discovery
    from shared.models import Candidate, Retrieved
    from shared.ranking import Parts, Ranker

_PAGES = 4  # of a queue: more than anybody watches in the minute that it lives
_PAGES_USED_UP_EARLY = 10  # of the next one, where the last was used up while it lived
_MIN_RANKED = 48
_MAX_RANKED = 150
_DISCOVERY = 16
_PERSONAL = 32  # posts that may take personal positions


@dataclass(frozen=True, slots=True)
class Queue:
    """Posts in order of rank. A position of a page takes the first that variety allows.

    Attributes:
        entries: Unseen posts: those that ranking would show, then those for discovery alone.
        ranked_count: How many of them ranking would show.
        seen: Posts that would repeat, the longest ago first. They are never cached.
        complete: Whether `entries` hold every unseen post that there is.
        page_size: The page size that variety was arranged for.
        revision: The revision of the viewer's feedback that the ranking knew.
        policy: The policy that it was ranked under.
        ranked_by: The request that ranked it.
        answers: In an interview, how many watches of the viewer the ranking knew. After some more
            of them the queue is ranked anew. None for a viewer whose taste is known.
        decided: The share of each part of the score in what set its candidates apart; None where
            no part decided anything, and of a cached queue.
    """

    entries: tuple[Entry, ...]
    ranked_count: int
    seen: tuple[Entry, ...]
    complete: bool
    page_size: int
    revision: int = 0
    policy: Policy = field(default_factory=Policy)
    ranked_by: str = ""
    answers: int | None = None
    decided: Parts | None = None

    def left(self, used: int) -> dict[int, Entry]:
        """Return the entries whose bit in `used` is not set, by index and in order."""
        return {i: entry for i, entry in enumerate(self.entries) if not used >> i & 1}

    def mask(self, post_ids: Collection[UUID]) -> int:
        """Return the bits of the entries that are among `post_ids`."""
        numbers = {post_id.int for post_id in post_ids}
        return sum(1 << i for i, e in enumerate(self.entries) if e.post_id.int in numbers)


def ranked_length(page_size: int, *, used_up_early: bool = False) -> int:
    """Return how many posts a queue holds for ranked positions.

    A queue costs by its length, and most of it is thrown away when it expires. So it is short until
    a viewer has used one up before its time (`used_up_early`).
    """
    pages = _PAGES_USED_UP_EARLY if used_up_early else _PAGES
    return max(_MIN_RANKED, min(_MAX_RANKED, pages * page_size))


def prepared_length(page_size: int) -> int:
    """Return how many posts are ranked ahead, of which the next page takes the best.

    They leave creator variety a choice, and are not kept.
    """
    return 2 * page_size + 4


def wanted(length: int) -> int:
    """Return how many unseen candidates to ask for: half as many again as ranked positions."""
    return 3 * length // 2


def build(
    retrieved: Retrieved,
    ranker: Ranker,
    page_size: int,
    last_creator: bytes,
    discovery: Discovery,
    policy: Policy | None = None,
    *,
    length: int | None = None,
    answers: int | None = None,
) -> Queue:
    """Rank what was retrieved.

    Args:
        retrieved: The candidates.
        ranker: Their scorer.
        page_size: For which creator variety is arranged.
        last_creator: The tag of the creator of the session's last post.
        discovery: How likely exploration draws which post.
        policy: How posts are chosen; None takes the default.
        length: How many ranked positions; None takes `ranked_length` of the page size.
        answers: In an interview, how many watches of the viewer are known; else None.
    """
    policy, length = policy or Policy(), length or ranked_length(page_size)
    influence, maker = Influence(ranker.config.weights), Maker(ranker, discovery)
    if policy.chronological:
        order = by_age(retrieved.unseen, maker)
    else:
        order = by_ladder(retrieved.unseen, maker, influence)
    if answers is not None and not policy.chronological:
        order = spread(order, neighbourhoods_of(retrieved.unseen), page_size)
    stream = RankedStream(order)
    ranked = _ranked_positions(
        stream, length, page_size, last_creator, limited=not policy.chronological
    )
    complete = retrieved.complete and len(retrieved.unseen) <= len(ranked) + _DISCOVERY
    if complete or policy.chronological:
        ranked += islice(stream, _DISCOVERY)  # where there is nothing else, ranking shows all of it
    ranked.sort(key=stream.place)
    spare: list[Entry] = []
    if not policy.chronological:
        personal = _personal(retrieved.unseen, maker)
        ranked = _weaver(retrieved.unseen, maker).weave(ranked, personal, page_size)
        if not complete:
            ranked = ranked[:length]
            placed = {entry.post_id.int for entry in ranked}
            rest = [c for c in retrieved.unseen if c.post_id.int not in placed]
            spare = _discoveries(rest, ranked, maker)
    return Queue(
        entries=(*ranked, *spare),
        ranked_count=len(ranked),
        seen=tuple(maker.scored(c, c.creator_served, Rung.RECYCLED) for c in retrieved.seen),
        complete=complete,
        page_size=page_size,
        revision=retrieved.revision,
        policy=policy,
        answers=None if policy.chronological else answers,
        decided=influence.shares(),
    )


def _ranked_positions(
    stream: RankedStream, length: int, page_size: int, last_creator: bytes, *, limited: bool
) -> list[Entry]:
    """Return what pages take, one after another, if nothing is explored."""
    ranked: list[Entry] = []
    while len(ranked) < length:
        variety = PageVariety(last_creator, limited=limited)
        page = list(fill(stream, variety, min(page_size, length - len(ranked))))
        if not page:
            break
        ranked += [filled.entry for filled in page]
        last_creator = variety.last_creator
    return ranked


def _weaver(candidates: Iterable[Candidate], maker: Maker) -> Weaver:
    served = {c.creator_id.int: c.creator_served for c in candidates}

    def scored_after(entry: Entry, count: int) -> Entry:
        return maker.rescored(entry, served[entry.creator_id.int] + count)

    return Weaver(scored_after)


def _personal(candidates: Iterable[Candidate], maker: Maker) -> list[Entry]:
    """Return the posts that something of the viewer's taste speaks for, the best first."""
    appeal = maker.ranker.appeal
    own = [(appeal(c), c.post_id, c) for c in candidates if taste_reason(c)]
    return [
        maker.scored(c, c.creator_served)
        for _, _, c in heapq.nlargest(_PERSONAL, own, key=itemgetter(0, 1))
    ]


def _discoveries(rest: Iterable[Candidate], ranked: Iterable[Entry], maker: Maker) -> list[Entry]:
    """Return the posts that discovery favours among those without a ranked position."""
    held = Counter(entry.creator_id.int for entry in ranked)
    return [
        maker.scored(c, c.creator_served + held[c.creator_id.int])
        for c in maker.heaviest(rest, _DISCOVERY)
    ]
