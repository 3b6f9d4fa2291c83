"""The ladder: unseen posts in order of rank, as entries of a queue. Pure.

The order is rung by rung with the best score first or, where a flag says so, the newest first.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from functions.feed_ranker.ranking.stream import Entry
from shared.models import UNSEEN_RUNGS, Candidate, Rung
from shared.ranking import Parts, Ranker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from functions.feed_ranker.ranking.exploration import Discovery
    from functions.feed_ranker.ranking.influence import Influence

_LEAST_WEIGHT = 1e-6  # every unseen post can be drawn
_LIKED = 0.25  # affinity from which it is a reason for a post
_LIKELY_NEXT = 0.02  # how likely it follows the viewer's last posts, likewise


def by_age(
    candidates: Iterable[Candidate], ranker: Ranker, discovery: Discovery
) -> Iterator[Entry]:
    """Give the newest first, and equally new ones by id."""
    by_id = sorted(candidates, key=lambda c: c.post_id)
    for c in sorted(by_id, key=lambda c: c.published_at, reverse=True):  # stable
        yield make_entry(c, Rung(c.rung), ranker.parts(c, c.creator_served), ranker, discovery)


def by_ladder(
    candidates: Iterable[Candidate],
    ranker: Ranker,
    discovery: Discovery,
    influence: Influence | None = None,
) -> Iterator[Entry]:
    """Give the posts rung by rung, the best score first.

    `influence` takes in the parts of each rung that was scored.

    A creator's next post is scored after the one before it was given. The diversity part only ever
    falls as a creator's posts are given, so the first post of the heap whose part is up to date is
    the best (lazy greedy selection; Minoux, 1978).
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
        if influence is not None:
            influence.note(parts for _, _, _, parts, _ in heap)
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
            yield make_entry(c, Rung(rung), parts, ranker, discovery)


def make_entry(
    c: Candidate, rung: Rung, parts: Parts, ranker: Ranker, discovery: Discovery
) -> Entry:
    """Make a candidate an entry.

    Figures are rounded here and nowhere else, so that a page reads the same wherever it is stored.
    """
    score = parts.total(ranker.config.weights)
    return Entry(
        post_id=c.post_id,
        creator_id=c.creator_id,
        rung=rung,
        parts=Parts(*map(_rounded, parts)),
        score=_rounded(score),
        followed=c.followed,
        weight=weight(c, discovery),
        reason=taste_reason(c),
        evidence=ranker.evidence(c),
    )


def rescored(entry: Entry, served_of_creator: int, ranker: Ranker) -> Entry:
    """Return an entry as it scores after so many posts of its creator in the session."""
    diversity = _rounded(ranker.diversity(served_of_creator))
    if diversity == entry.parts.diversity:
        return entry
    parts = entry.parts._replace(diversity=diversity)
    # A post with a part that was no number has sunk to 0 and stays there.
    score = min(entry.score, _rounded(parts.total(ranker.config.weights)))
    return entry._replace(parts=parts, score=score)


def weight(c: Candidate, discovery: Discovery) -> float:
    """Return how likely exploration draws a post, relative to others; it is always positive."""
    return max(_rounded(discovery.weight(c)), _LEAST_WEIGHT)


def taste_reason(c: Candidate) -> str:
    """Return the code of the reason why the viewer may like a post; empty where none is known."""
    if (c.follows or 0.0) >= _LIKELY_NEXT:
        return "similar_to_watched"
    if (c.creator_affinity or 0.0) >= _LIKED:
        return "liked_creator"
    if (c.tag_affinity or 0.0) >= _LIKED:
        return "liked_tags"
    return ""


def _rounded(value: float) -> float:
    return round(value, 6) if math.isfinite(value) else 0.0
