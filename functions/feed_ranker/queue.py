"""The ranked queue of a session: what its next pages are taken from. Pure.

The ladder gives the order of rungs, the score the order within a rung, creator variety has the last
word. The queue ends with posts that only exploration would show.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from functions.feed_ranker import exploration
from functions.feed_ranker.diversity import PageVariety
from shared.models import UNSEEN_RUNGS, Candidate, Retrieval, Source
from shared.ranking import Parts, Ranker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

_PAGES = 5
_MIN_RANKED = 60
_MAX_RANKED = 150
_DISCOVERY = 16
_LEAST_WEIGHT = 1e-6  # every unseen post can be drawn


class Entry(NamedTuple):
    """A scored post of a queue."""

    post_id: UUID
    creator_id: UUID
    source: Source
    parts: Parts
    score: float
    followed: bool
    weight: float  # for exploration's draw


@dataclass(frozen=True, slots=True)
class Queue:
    """Posts in the order in which pages take them.

    Attributes:
        entries: Unseen posts: those that ranking would show, then those for discovery alone.
        ranked: How many of them ranking would show.
        seen: Posts that would repeat, the longest ago first; never cached.
        complete: No unseen post exists besides `entries`.
        page_size: The page size that variety was arranged for.
    """

    entries: tuple[Entry, ...]
    ranked: int
    seen: tuple[Entry, ...]
    complete: bool
    page_size: int

    def left(self, used: int) -> dict[int, Entry]:
        """The entries whose bit in `used` is not set, by index, in order."""
        return {i: entry for i, entry in enumerate(self.entries) if not used >> i & 1}


def ranked_length(page_size: int) -> int:
    """How many posts a queue holds for ranked positions."""
    return max(_MIN_RANKED, min(_MAX_RANKED, _PAGES * page_size))


def wanted(page_size: int) -> int:
    """How many unseen candidates retrieval should find: the queue's, and as many to choose from."""
    return 2 * ranked_length(page_size)


def build(
    retrieval: Retrieval, ranker: Ranker, page_size: int, last_creator: bytes, now: datetime
) -> Queue:
    """Rank what was retrieved.

    Args:
        retrieval: The candidates.
        ranker: Their scorer.
        page_size: For which creator variety is arranged.
        last_creator: The tag of the creator of the session's last post.
        now: For the ages that exploration weighs.
    """
    order = {entry.post_id: entry for entry in _by_ladder(retrieval.unseen, ranker, now)}
    length = ranked_length(page_size)
    ranked: list[Entry] = []
    while order and len(ranked) < length:
        variety = PageVariety(last_creator)
        for _ in range(min(page_size, length - len(ranked))):
            entry = variety.first(order.values())
            if entry is None:
                break
            ranked.append(order.pop(entry.post_id))
            variety.take(entry.creator_id)
        last_creator = variety.last_creator
    complete = retrieval.complete and len(order) <= _DISCOVERY
    if complete:
        discovery = list(order.values())
    else:
        discovery = heapq.nlargest(_DISCOVERY, order.values(), key=lambda e: (e.weight, e.post_id))
    return Queue(
        entries=(*ranked, *discovery),
        # where there is nothing else, ranking shows all of it
        ranked=len(ranked) + (len(discovery) if complete else 0),
        seen=tuple(
            _entry(c, Source.RECYCLED, ranker.parts(c, c.creator_served), ranker, now)
            for c in retrieval.seen
        ),
        complete=complete,
        page_size=page_size,
    )


def _by_ladder(candidates: Iterable[Candidate], ranker: Ranker, now: datetime) -> Iterator[Entry]:
    """Rung by rung, the best score first; a creator's next post scores after the one before it.

    The diversity part only ever falls as a creator's posts are taken, so the first of the heap
    whose part is up to date is the best (lazy greedy selection; Minoux, 1978).
    """
    rungs: dict[str, list[Candidate]] = {rung.value: [] for rung in UNSEEN_RUNGS}
    taken: dict[UUID, int] = {}
    for candidate in candidates:
        rungs[candidate.rung].append(candidate)
        taken[candidate.creator_id] = candidate.creator_served
    for rung, members in rungs.items():
        heap = []
        for c in members:
            parts = ranker.parts(c, taken[c.creator_id])
            heap.append(
                (-parts.total(ranker.config.weights), c.post_id, taken[c.creator_id], parts, c)
            )
        heapq.heapify(heap)
        while heap:
            _, post_id, seen_taken, parts, c = heap[0]
            count = taken[c.creator_id]
            if count != seen_taken:
                parts = parts._replace(diversity=ranker.diversity(count))
                score = -parts.total(ranker.config.weights)
                heapq.heapreplace(heap, (score, post_id, count, parts, c))
                continue
            heapq.heappop(heap)
            taken[c.creator_id] = count + 1
            yield _entry(c, Source(rung), parts, ranker, now)


def _entry(c: Candidate, source: Source, parts: Parts, ranker: Ranker, now: datetime) -> Entry:
    """Figures are rounded here, once, so that a page reads the same from every store."""
    score = parts.total(ranker.config.weights)
    return Entry(
        post_id=c.post_id,
        creator_id=c.creator_id,
        source=source,
        parts=Parts(*map(_rounded, parts)),
        score=_rounded(score),
        followed=c.followed,
        weight=max(_rounded(exploration.weight(c.published_at, c.impressions, now)), _LEAST_WEIGHT),
    )


def _rounded(value: float) -> float:
    return round(value, 6) if math.isfinite(value) else 0.0
