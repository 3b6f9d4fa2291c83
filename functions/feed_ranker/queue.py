"""The ranked queue of a session: what its next pages are taken from. Pure.

The ladder gives the order of rungs, the score the order within a rung, creator variety has the last
word. The queue ends with posts that only exploration would show. A chronological queue knows none
of that: the newest unseen post comes first.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from functions.feed_ranker.diversity import PageVariety
from shared.models import UNSEEN_RUNGS, Candidate, Retrieval, Source
from shared.ranking import Parts, Ranker
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from functions.feed_ranker.exploration import Discovery

_PAGES = 5
_MIN_RANKED = 60
_MAX_RANKED = 150
_DISCOVERY = 16
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


@dataclass(frozen=True, slots=True)
class Queue:
    """Posts in the order in which pages take them.

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


def ranked_length(page_size: int) -> int:
    """How many posts a queue holds for ranked positions."""
    return max(_MIN_RANKED, min(_MAX_RANKED, _PAGES * page_size))


def wanted(page_size: int) -> int:
    """How many unseen candidates are enough: half as many again, for discovery and variety."""
    return 3 * ranked_length(page_size) // 2


def build(
    retrieval: Retrieval,
    ranker: Ranker,
    page_size: int,
    last_creator: bytes,
    discovery: Discovery,
    policy: Policy | None = None,
) -> Queue:
    """Rank what was retrieved.

    Args:
        retrieval: The candidates.
        ranker: Their scorer.
        page_size: For which creator variety is arranged.
        last_creator: The tag of the creator of the session's last post.
        discovery: How likely exploration draws which post.
        policy: Whether the feed is ranked at all; without one, it is.
    """
    policy = policy or Policy()
    arrange = _by_age if policy.chronological else _by_ladder
    line = _Line(arrange(retrieval.unseen, ranker, discovery))
    ranked = _varied(line, page_size, last_creator, limited=not policy.chronological)
    placed = {entry.post_id.int for entry in ranked}
    rest = [c for c in retrieval.unseen if c.post_id.int not in placed]
    complete = retrieval.complete and len(rest) <= _DISCOVERY
    if complete or policy.chronological:
        spare = list(islice(line, _DISCOVERY))
    else:
        spare = _discoveries(rest, ranked, ranker, discovery)
    return Queue(
        entries=(*ranked, *spare),
        # where there is nothing else, ranking shows all of it
        ranked=len(ranked) + (len(spare) if complete or policy.chronological else 0),
        seen=tuple(
            _entry(c, Source.RECYCLED, ranker.parts(c, c.creator_served), ranker, discovery)
            for c in retrieval.seen
        ),
        complete=complete,
        page_size=page_size,
        revision=retrieval.revision,
        policy=policy,
    )


class _Line:
    """Posts in order of rank, made one by one as they are asked for: most never are."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._coming = entries
        self._waiting: dict[int, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Those that were passed over before, then those that come."""
        yield from self._waiting.values()
        for entry in self._coming:
            self._waiting[entry.post_id.int] = entry
            yield entry

    def take(self, entry: Entry) -> None:
        """Take one out that was looked at."""
        del self._waiting[entry.post_id.int]


def _varied(line: _Line, page_size: int, last_creator: bytes, *, limited: bool) -> list[Entry]:
    """The posts of ranked positions, with creator variety page by page."""
    length = ranked_length(page_size)
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
    weighed = ((_weight(c, discovery), c.post_id, c) for c in rest)
    return [
        _entry(
            c,
            Source(c.rung),
            ranker.parts(c, c.creator_served + held[c.creator_id.int]),
            ranker,
            discovery,
        )
        for _, _, c in heapq.nlargest(_DISCOVERY, weighed, key=itemgetter(0, 1))
    ]


def _by_age(
    candidates: Iterable[Candidate], ranker: Ranker, discovery: Discovery
) -> Iterator[Entry]:
    """The newest first; equally new ones by id."""
    by_id = sorted(candidates, key=lambda c: c.post_id)
    for c in sorted(by_id, key=lambda c: c.published_at, reverse=True):  # stable
        yield _entry(c, Source(c.rung), ranker.parts(c, c.creator_served), ranker, discovery)


def _by_ladder(
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
            yield _entry(c, Source(rung), parts, ranker, discovery)


def _entry(
    c: Candidate, source: Source, parts: Parts, ranker: Ranker, discovery: Discovery
) -> Entry:
    """Figures are rounded here, once, so that a page reads the same from every store."""
    score = parts.total(ranker.config.weights)
    return Entry(
        post_id=c.post_id,
        creator_id=c.creator_id,
        source=source,
        parts=Parts(*map(_rounded, parts)),
        score=_rounded(score),
        followed=c.followed,
        weight=_weight(c, discovery),
        because=_because(c),
    )


def _weight(c: Candidate, discovery: Discovery) -> float:
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
