"""The ladder: unseen posts in order of rank, as entries of a queue. Pure.

Rung by rung, the best score first; or, where a flag says so, the newest first.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, NamedTuple

from shared.models import UNSEEN_RUNGS, Candidate, Source
from shared.ranking import Parts, Ranker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from functions.feed_ranker.ranking.exploration import Discovery

_LEAST_WEIGHT = 1e-6  # every unseen post can be drawn
_LIKED = 0.25  # affinity from which it is a reason for a post


class Entry(NamedTuple):
    """A scored post of a queue."""

    post_id: UUID
    creator_id: UUID
    source: Source
    parts: Parts
    score: float
    followed: bool
    weight: float  # for exploration's draw
    because: str = ""  # what of the viewer's taste speaks for it: a reason's code


class Line:
    """Posts in order of rank, made one by one as they are asked for: most never are."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._coming = entries
        self._waiting: dict[int, Entry] = {}
        self._places: dict[int, int] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Those that were passed over before, then those that come."""
        yield from self._waiting.values()
        for entry in self._coming:
            self._waiting[entry.post_id.int] = entry
            self._places[entry.post_id.int] = len(self._places)
            yield entry

    def take(self, entry: Entry) -> None:
        """Take one out that was looked at."""
        del self._waiting[entry.post_id.int]

    def place(self, entry: Entry) -> int:
        """How many posts came before it."""
        return self._places[entry.post_id.int]


def by_age(
    candidates: Iterable[Candidate], ranker: Ranker, discovery: Discovery
) -> Iterator[Entry]:
    """The newest first; equally new ones by id."""
    by_id = sorted(candidates, key=lambda c: c.post_id)
    for c in sorted(by_id, key=lambda c: c.published_at, reverse=True):  # stable
        yield make_entry(c, Source(c.rung), ranker.parts(c, c.creator_served), ranker, discovery)


def by_ladder(
    candidates: Iterable[Candidate], ranker: Ranker, discovery: Discovery
) -> Iterator[Entry]:
    """Rung by rung, the best score first; a creator's next post scores after the one before it.

    The diversity part only ever falls as a creator's posts are taken, so the first of the heap
    whose part is up to date is the best (lazy greedy selection; Minoux, 1978).
    """
    rungs: dict[str, list[Candidate]] = {rung.value: [] for rung in UNSEEN_RUNGS}
    taken: dict[int, int] = {}  # by the creator's number: an int is hashed much faster than a UUID
    weights = ranker.config.weights
    for candidate in candidates:
        rungs[candidate.rung].append(candidate)
        taken[candidate.creator_id.int] = candidate.creator_served
    for rung, members in rungs.items():
        heap = []
        for c in members:
            count = taken[c.creator_id.int]
            parts = ranker.parts(c, count)
            heap.append((-parts.total(weights), c.post_id, count, parts, c))
        heapq.heapify(heap)
        while heap:
            _, post_id, seen_taken, parts, c = heap[0]
            count = taken[c.creator_id.int]
            if count != seen_taken:
                parts = parts._replace(diversity=ranker.diversity(count))
                score = -parts.total(weights)
                heapq.heapreplace(heap, (score, post_id, count, parts, c))
                continue
            heapq.heappop(heap)
            taken[c.creator_id.int] = count + 1
            yield make_entry(c, Source(rung), parts, ranker, discovery)


def make_entry(
    c: Candidate, source: Source, parts: Parts, ranker: Ranker, discovery: Discovery
) -> Entry:
    """A candidate as an entry; figures are rounded here, once: a page reads the same everywhere."""
    score = parts.total(ranker.config.weights)
    return Entry(
        post_id=c.post_id,
        creator_id=c.creator_id,
        source=source,
        parts=Parts(*map(_rounded, parts)),
        score=_rounded(score),
        followed=c.followed,
        weight=weight(c, discovery),
        because=_because(c),
    )


def weight(c: Candidate, discovery: Discovery) -> float:
    """How likely exploration draws a post, relative to others: positive, as entries hold it."""
    return max(_rounded(discovery.weight(c)), _LEAST_WEIGHT)


def _because(c: Candidate) -> str:
    """What of the viewer's taste speaks for a post, as the code of a reason."""
    if c.origin == "covisit":
        return "similar_to_watched"
    if (c.creator_affinity or 0.0) >= _LIKED:
        return "liked_creator"
    if (c.tag_affinity or 0.0) >= _LIKED:
        return "liked_tags"
    return ""


def _rounded(value: float) -> float:
    return round(value, 6) if math.isfinite(value) else 0.0
