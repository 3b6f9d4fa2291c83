"""The ladder: unseen posts in order of rank, as entries of a queue. Pure.

The order is rung by rung with the best score first or, where a flag says so, the newest first.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from functions.feed_ranker.ranking.stream import Entry
from shared.evidence import Evidence
from shared.models import UNSEEN_RUNGS, Candidate, Rung
from shared.ranking import Parts, weighted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from functions.feed_ranker.ranking.exploration import Discovery
    from functions.feed_ranker.ranking.influence import Influence
    from shared.ranking import PlainParts, Ranker

_RUNGS = {rung.value: rung for rung in Rung}
_MILLION = 1e6
_SURE = 0.49  # of a millionth
_LEAST_WEIGHT = 1e-6  # every unseen post can be drawn
_LIKED = 0.25  # affinity from which it is a reason for a post
_LIKELY_NEXT = 0.02  # how likely it follows the viewer's last posts, likewise


# What an entry says of its post wherever it stands: engagement, freshness, context, how likely
# exploration draws it, the reason and the evidence.
_Made = tuple[float, float, float, float, str, Evidence]


class Maker:
    """Makes candidates of one request entries, and works out the figures of each only once.

    Args:
        ranker: Scores them.
        discovery: Weighs them for exploration.
    """

    def __init__(self, ranker: Ranker, discovery: Discovery) -> None:
        self.ranker = ranker
        self.discovery = discovery
        self._parts_weights = ranker.config.weights.values
        self._made: dict[int, _Made] = {}
        self._weights: dict[int, float] = {}
        self._varieties: dict[float, float] = {}  # diversity parts, rounded: there are few
        self._after: dict[int, float] = {}  # the same after so many posts of a creator

    def entry(self, c: Candidate, parts: Parts, rung: Rung | None = None) -> Entry:
        """Make a candidate an entry.

        Figures are rounded here and nowhere else, so that a page reads the same wherever it is
        stored.

        Args:
            c: The candidate.
            parts: Its parts of the score.
            rung: Its rung, where that is not the one that retrieval says.
        """
        number = c.post_id.int
        made = self._made.get(number)
        if made is None:
            engagement, freshness, context, _ = parts
            self._made[number] = made = (
                _rounded(engagement),
                _rounded(freshness),
                _rounded(context),
                self.weight(c),
                taste_reason(c),
                self.ranker.evidence(c),
            )
        engagement, freshness, context, share, reason, evidence = made
        return Entry(
            c.post_id,
            c.creator_id,
            rung or _RUNGS[c.rung],
            Parts(engagement, freshness, context, self._variety(parts.diversity)),
            _rounded(weighted(parts, self._parts_weights)),
            c.followed,
            share,
            reason,
            evidence,
        )

    def scored(self, c: Candidate, served_of_creator: int, rung: Rung | None = None) -> Entry:
        """Make a candidate an entry, as it scores after so many posts of its creator."""
        return self.entry(c, self.ranker.parts(c, served_of_creator), rung)

    def rescored(self, entry: Entry, served_of_creator: int) -> Entry:
        """Return an entry as it scores after so many posts of its creator in the session."""
        diversity = self._after.get(served_of_creator)
        if diversity is None:
            diversity = self._variety(self.ranker.diversity(served_of_creator))
            self._after[served_of_creator] = diversity
        if diversity == entry.parts.diversity:
            return entry
        engagement, freshness, context, _ = entry.parts
        parts = Parts(engagement, freshness, context, diversity)
        # A post with a part that was no number has sunk to 0 and stays there.
        score = min(entry.score, _rounded(weighted(parts, self._parts_weights)))
        return entry._replace(parts=parts, score=score)

    def weight(self, c: Candidate) -> float:
        """Return how likely exploration draws a post, relative to others; it is always positive."""
        number = c.post_id.int
        known = self._weights.get(number)
        if known is None:
            self._weights[number] = known = _kept(self.discovery.weight(c))
        return known

    def heaviest(self, candidates: Iterable[Candidate], count: int) -> list[Candidate]:
        """Return the `count` posts that exploration draws most likely, the likeliest first.

        Equally likely ones come by id, the last first. A post is only weighed while it can be among
        them: its draw of how well it may yet do takes longer than all else that makes its weight.
        """
        discovery, weights = self.discovery, self._weights
        bounded = []
        for i, c in enumerate(candidates):
            factors, known = discovery.factors(c), weights.get(c.post_id.int)
            most = known
            if most is None:
                most = discovery.most(c, factors)
                # What is no number weighs least. Rounding adds half a millionth at most.
                most = (most if most > 0.0 else 0.0) + _LEAST_WEIGHT
            bounded.append((most, i, factors, c))
        bounded.sort(reverse=True)
        best: list[tuple[float, UUID, Candidate]] = []
        for most, _, factors, c in bounded:
            if len(best) == count and (not best or most < best[0][0]):
                break
            number = c.post_id.int
            if number not in weights:
                weights[number] = _kept(discovery.weigh(c, factors))
            found = (weights[number], c.post_id, c)
            if len(best) < count:
                heapq.heappush(best, found)
            else:
                heapq.heappushpop(best, found)
        return [c for _, _, c in sorted(best, reverse=True)]

    def _variety(self, diversity: float) -> float:
        """Return a diversity part as entries have it."""
        rounded = self._varieties.get(diversity)
        if rounded is None:
            self._varieties[diversity] = rounded = _rounded(diversity)
        return rounded


def by_age(candidates: Iterable[Candidate], maker: Maker) -> Iterator[Entry]:
    """Give the newest first, and equally new ones by id."""
    by_id = sorted(candidates, key=lambda c: c.post_id)
    for c in sorted(by_id, key=lambda c: c.published_at, reverse=True):  # stable
        yield maker.scored(c, c.creator_served)


def by_ladder(
    candidates: Iterable[Candidate], maker: Maker, influence: Influence | None = None
) -> Iterator[Entry]:
    """Give the posts rung by rung, the best score first.

    `influence` takes in the parts of each rung that was scored.

    A creator's next post is scored after the one before it was given. The diversity part only ever
    falls as a creator's posts are given, so the first post of the heap whose part is up to date is
    the best (lazy greedy selection; Minoux, 1978).
    """
    rungs: dict[str, list[Candidate]] = {rung.value: [] for rung in UNSEEN_RUNGS}
    taken: dict[int, int] = {}  # by the creator's number: an int is hashed much faster than a UUID
    ranker = maker.ranker
    weights = ranker.config.weights.values
    for candidate in candidates:
        rungs[candidate.rung].append(candidate)
        taken[candidate.creator_id.int] = candidate.creator_served
    for members in rungs.values():
        rows = _rows(members, taken, ranker)
        if influence is not None:
            influence.note(rows)
        heap = [
            (-weighted(row, weights), c.post_id, row, c)
            for c, row in zip(members, rows, strict=True)
        ]
        heapq.heapify(heap)
        while heap:
            _, post_id, row, c = heap[0]
            creator = c.creator_id.int
            engagement, freshness, context, scored_by = row
            diversity = ranker.diversity(taken[creator])
            if diversity != scored_by:
                row = (engagement, freshness, context, diversity)
                heapq.heapreplace(heap, (-weighted(row, weights), post_id, row, c))
                continue
            heapq.heappop(heap)
            taken[creator] += 1
            yield maker.entry(c, Parts(*row))


def _rows(members: list[Candidate], taken: dict[int, int], ranker: Ranker) -> list[PlainParts]:
    """Score the candidates of one rung, each after so many posts of its creator."""
    diversity = ranker.diversity
    return [
        (engagement, freshness, context, diversity(taken[c.creator_id.int]))
        for c, (engagement, freshness, context) in zip(members, ranker.own(members), strict=True)
    ]


def _kept(share: float) -> float:
    """Return a weight as entries have it."""
    rounded = _rounded(share)
    return rounded if rounded > _LEAST_WEIGHT else _LEAST_WEIGHT


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
    """Round to six decimals; what is no number becomes 0.

    A quotient of whole millionths is the figure nearest to that decimal fraction, so it is what
    `round` returns, in a third of the time. `round` is asked only where it is nearly half way.
    """
    if not -_MILLION < value < _MILLION:
        return round(value, 6) if math.isfinite(value) else 0.0
    millionths = value * _MILLION
    whole = round(millionths)
    return whole / _MILLION if -_SURE < millionths - whole < _SURE else round(value, 6)
