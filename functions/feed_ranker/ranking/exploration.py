"""Exploration: positions drawn for discovery, seeded by session, with their propensities. Pure."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeVar

from shared.models import Candidate
from shared.ranking import taste
from shared.ranking_config import RankingConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from shared.ranking_config import Prior

T = TypeVar("T")

_RECENCY_DAYS = 7.0
_SHOWN_HALF = 50.0  # impressions at which a post is half as likely to be drawn
_OLD_POSTS = 0.05  # what is left of the weight of a post however old
_SECONDS_PER_DAY = 86_400.0
NEW_VIEWER_SAMPLES = 20  # observations below which a viewer's taste is hardly known
_UNPROVEN_LIFT = 4.0  # what a post that nobody was shown is more likely by
_UNTRIED_LIFT = 2.0  # likewise a post whose tags a new viewer has not met
_TASTE_LIFT = 2.0  # doublings for what a known viewer likes without end
_NEIGHBOUR_LIFT = 30.0  # what a post that certainly comes next is more likely by
_MOST_LIFT = 4.0  # of neighbours
_BELIEF = 8.0  # plays that a bucket's watch norm is worth before a post has any
_NORMAL = NormalDist()
# What a weight reads of a candidate, in one step: reading attributes one by one takes longer.
_OF_WEIGHT = itemgetter(
    *map(
        Candidate._fields.index,
        ("published_at", "impressions", "creator_affinity", "tag_affinity", "follows"),
    )
)

# How likely a post is by its age and impressions; what it gains for being unproven, 0 where it is
# proven; and what it gains by taste, and by neighbours.
Factors = tuple[float, float, float, float]
_ROUNDING = 1.0 + 1e-9  # what a bound is raised by, so that no rounding of a figure exceeds it


def weight(published_at: datetime, impressions: int, now: datetime) -> float:
    """Return how likely discovery draws a post, relative to others.

    Newer posts and posts that were shown less are more likely.
    """
    age_s = (now - published_at).total_seconds()
    age_days = age_s / _SECONDS_PER_DAY if age_s > 0.0 else 0.0
    recency = _OLD_POSTS + (1.0 - _OLD_POSTS) * 2.0 ** (-age_days / _RECENCY_DAYS)
    return float(recency * _SHOWN_HALF / (_SHOWN_HALF + (impressions if impressions > 0 else 0)))


@dataclass(frozen=True, slots=True)
class Discovery:
    """Says which unseen posts discovery favours in the queue that is ranked for one page.

    Attributes:
        session: With `page_no` and the post, the seed of the post's draw.
        page_no: The page that the queue is ranked for.
        now: The time that ages are measured from.
        quota: Impressions below which a post counts as unproven; 0 favours none.
        new_viewer: Whether too little is known of the viewer's taste.
        config: Holds the watch norms that a draw is compared with.
    """

    session: UUID
    page_no: int
    now: datetime
    quota: int = 100
    new_viewer: bool = False
    config: RankingConfig = field(default_factory=RankingConfig)
    _draws: hashlib.blake2b = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash what all draws have in common only once."""
        seed = self.session.bytes + self.page_no.to_bytes(4, "big")
        draws = hashlib.blake2b(seed, digest_size=8, person=b"promise")
        object.__setattr__(self, "_draws", draws)

    def weight(self, candidate: Candidate) -> float:
        """Return how likely discovery draws a post, relative to others; it is always positive.

        Unproven posts are favoured, and the more so the less they were shown, by a draw of how well
        they may yet do (Thompson sampling; Chapelle and Li, NIPS 2011). Once the viewer is known,
        posts by taste and by neighbours are favoured, too.
        """
        return self.weigh(candidate, self.factors(candidate))

    def factors(self, candidate: Candidate) -> Factors:
        """Return what a post's weight is made of, without the draw of how well it may yet do."""
        published_at, impressions, creator_affinity, tag_affinity, follows = _OF_WEIGHT(candidate)
        share, lift = weight(published_at, impressions, self.now), 0.0
        if impressions < self.quota:
            lift = 1.0 + _UNPROVEN_LIFT * (
                1.0 - (impressions if impressions > 0 else 0) / self.quota
            )
        if self.new_viewer:
            return share, lift, _UNTRIED_LIFT if tag_affinity is None else 1.0, 1.0
        by_taste = by_neighbours = 1.0
        if creator_affinity or tag_affinity:
            by_taste = 2.0 ** (_TASTE_LIFT * taste(candidate, self.config.taste_half))
        if follows:
            by_neighbours = 1.0 + min(_NEIGHBOUR_LIFT * max(follows, 0.0), _MOST_LIFT)
        return share, lift, by_taste, by_neighbours

    def weigh(self, candidate: Candidate, factors: Factors) -> float:
        """Return the weight of a post of these factors."""
        share, lift, by_taste, by_neighbours = factors
        if lift:
            share *= lift * self._promise(candidate)
        return share * by_taste * by_neighbours

    def most(self, candidate: Candidate, factors: Factors) -> float:
        """Return what the weight of a post of these factors is at most, whatever is drawn."""
        share, lift, by_taste, by_neighbours = factors
        if lift:
            share *= lift * 2.0 / (1.0 + self._norm(candidate).mean)
        return share * by_taste * by_neighbours * _ROUNDING

    def _norm(self, candidate: Candidate) -> Prior:
        bounds = self.config.duration_bounds_ms
        return self.config.watch[bisect_right(bounds, candidate.duration_ms or 0)]

    def _promise(self, candidate: Candidate) -> float:
        """Draw the post's watch ratio relative to its bucket's norm: 1 if equal, always below 2."""
        norm = self._norm(candidate).mean
        plays, watched = candidate.plays, candidate.watch_ratio_sum
        plays = plays if plays > 0 else 0
        watched = 0.0 if watched < 0.0 else plays if watched > plays else watched
        draw = self._draws.copy()
        draw.update(candidate.post_id.bytes)
        number = int.from_bytes(draw.digest(), "big")
        point = ((number >> 12) + 0.5) / 2**52  # neither 0 nor 1
        a, b = _BELIEF * norm + watched, _BELIEF * (1.0 - norm) + plays - watched
        drawn = beta_quantile(point, 1.0 if a < 1.0 else a, 1.0 if b < 1.0 else b)
        return 2.0 * drawn / (drawn + norm)


def beta_quantile(point: float, a: float, b: float) -> float:
    """Return the value below which a Beta(a, b) variable lies with probability `point`; a, b >= 1.

    The approximation is that of Abramowitz and Stegun, 26.5.22. It is within 0.005 where a and b
    exceed 2, and coarser in the tails below. With a uniform `point` the value is a draw.
    """
    y = -_NORMAL.inv_cdf(point)
    u, v = 1.0 / (2.0 * a - 1.0), 1.0 / (2.0 * b - 1.0)
    h, lam = 2.0 / (u + v), (y * y - 3.0) / 6.0
    w = y * math.sqrt(h + lam) / h - (v - u) * (lam + 5.0 / 6.0 - 2.0 / (3.0 * h))
    return a / (a + b * math.exp(2.0 * w))


class Explorer:
    """The draws of one page. They are the same whenever the same page is made."""

    def __init__(self, session: UUID, page_no: int, rate: float) -> None:
        self._seed = session.bytes + page_no.to_bytes(4, "big")
        self._rate = rate

    def explores(self, position: int) -> bool:
        """Return whether this position is drawn for discovery."""
        return self._uniform(position, b"whether") < self._rate

    def draw(self, position: int, items: Sequence[T], weights: Sequence[float]) -> tuple[T, float]:
        """Draw one of `items` (not empty) by weight.

        Returns:
            The item, and its propensity: the probability that this policy shows it here.
        """
        whole = sum(weights)
        if whole <= 0.0:
            weights, whole = [1.0] * len(items), float(len(items))
        point = self._uniform(position, b"which") * whole
        for item, share in zip(items, weights, strict=True):
            point -= share
            if point < 0.0:
                return item, self._rate * (share / whole)
        return items[-1], self._rate * (weights[-1] / whole)

    def _uniform(self, position: int, purpose: bytes) -> float:
        """Return a number in [0, 1) that depends on session, page, position and purpose alone."""
        digest = hashlib.blake2b(
            self._seed + position.to_bytes(2, "big"), digest_size=8, person=purpose
        ).digest()
        return (int.from_bytes(digest, "big") >> 11) / 2**53  # a float's 53 bits: never 1.0
