"""The reactions of viewers to posts.

A viewer reacts to a post in the same way under every feed.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from evaluation.simulation.scale import DAY_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evaluation.simulation.population import Population

# The shares of what makes a post appeal to a viewer. They sum to 1.
TASTE, QUALITY, LENGTH = 0.60, 0.30, 0.10
_LENGTH_WIDTH = 0.9  # the standard deviation of a length from the one that suits, in nats
_AGE_HALF_LIFE_DAYS = 5.0
_NOISE = 0.9  # the standard deviation of the noise on the logit of the watch ratio
_TYPICAL_S = 20.0
_LENGTH_COST = 0.35  # on the logit per doubling of the length, as long clips are left earlier
_SKIP_MS = (700, 2_600)
_BORING = 0.2  # a viewer who watched a smaller share of a post was bored
# The probabilities that a skipped post is refused, its creator is hidden, or junk is reported.
_REFUSED, _HIDDEN, _REPORTED = 0.02, 0.003, 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reaction of a viewer to a post.

    Attributes:
        play_ms: The milliseconds for which it played. They exceed its length where it was repeated.
        ratio: The share of the post that was watched, which is at most 1.
        liked: True where the viewer liked the post.
        commented: True where they wrote a comment.
        shared: True where they shared it.
        refused: True where they asked not to be shown it (`not_interested`).
        hidden: True where they hid its creator.
        reported: True where they reported it.
    """

    play_ms: int
    ratio: float
    liked: bool
    commented: bool
    shared: bool
    refused: bool
    hidden: bool
    reported: bool


class Behaviour:
    """The reactions of the viewers of one world.

    They are drawn for each viewer and post, and do not depend on the feed.

    Args:
        population: The viewers and posts.
        drift: How far tastes have moved towards the later ones at the end, in [0, 1].
        seconds: The length of the simulated time, over which they move evenly.
    """

    def __init__(self, population: Population, drift: float = 0.0, seconds: float = DAY_S) -> None:
        self._population = population
        self._seed = population.seed
        self._drift_per_s = drift / seconds
        topics = np.stack([p.topics for p in population.posts])
        self._match = np.stack([v.taste for v in population.viewers]) @ topics.T
        self._later_match = np.stack([v.later_taste for v in population.viewers]) @ topics.T
        quality = np.array([p.quality for p in population.posts])
        seconds_long = np.log([p.duration_ms / 1000 for p in population.posts])
        fitting = np.array([v.log_seconds for v in population.viewers])
        off = (seconds_long[None, :] - fitting[:, None]) / _LENGTH_WIDTH
        fits = LENGTH * np.exp(-0.5 * off * off)
        junk = np.array([p.junk for p in population.posts])

        def appeal(match: NDArray[np.float64]) -> NDArray[np.float64]:
            # Quality alone does not win a viewer who does not care for the topic.
            whole = TASTE * match + QUALITY * quality[None, :] * (0.3 + 0.7 * match) + fits
            damped: NDArray[np.float64] = np.where(junk[None, :], 0.15 * whole, whole)
            return damped

        self._appeal, self._later_appeal = appeal(self._match), appeal(self._later_match)
        self._novelty = np.array([v.novelty for v in population.viewers])
        self._published = np.array([p.published_s for p in population.posts])

    def match(
        self, viewer: NDArray[np.int_], post: NDArray[np.int_], now_s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how well posts meet the tastes of viewers at those times, in [0, 1]."""
        moved = self._drift_per_s * now_s
        found: NDArray[np.float64] = (1.0 - moved) * self._match[viewer, post]
        return found + moved * self._later_match[viewer, post]

    def appeal(self, viewer: int, now_s: float) -> NDArray[np.float64]:
        """Return how much each post appeals to a viewer at this time, in [0, 1], by index."""
        age_days = np.maximum(now_s - self._published, 0.0) / DAY_S
        staleness = 1.0 - 2.0 ** (-age_days / _AGE_HALF_LIFE_DAYS)
        moved = self._drift_per_s * now_s
        now = (1.0 - moved) * self._appeal[viewer] + moved * self._later_appeal[viewer]
        faded: NDArray[np.float64] = now * (1.0 - 0.6 * self._novelty[viewer] * staleness)
        return faded

    def watch(self, viewer: int, post: int, now_s: float) -> Outcome:
        """Return how the viewer reacts to the post at this time."""
        who, what = self._population.viewers[viewer], self._population.posts[post]
        age_days = max(now_s - what.published_s, 0.0) / DAY_S
        staleness = 1.0 - 2.0 ** (-age_days / _AGE_HALF_LIFE_DAYS)
        moved = self._drift_per_s * now_s
        now = (1.0 - moved) * self._appeal[viewer, post] + moved * self._later_appeal[viewer, post]
        appeal = float(now) * (1.0 - 0.6 * who.novelty * staleness)
        draw = self._draws(viewer, post)
        skipped = draw.random() < (1.0 - appeal) ** 2
        longer = math.log2(what.duration_ms / 1000 / _TYPICAL_S)
        logit = 5.0 * appeal - 1.6 - _LENGTH_COST * longer + draw.gauss(0.0, _NOISE)
        ratio = 1.0 / (1.0 + math.exp(-logit))
        skip_ms = min(draw.randint(*_SKIP_MS), what.duration_ms)
        loops = 1.0 + (draw.random() if draw.random() < 0.3 * appeal else 0.0)
        keen = appeal**2 * who.liking
        chances = [draw.random() for _ in range(6)]
        if skipped:
            play_ms, ratio = skip_ms, skip_ms / what.duration_ms
        elif ratio > 1.0 - 0.25 * appeal:  # the viewer watches to the end
            play_ms, ratio = int(what.duration_ms * loops), 1.0
        else:
            play_ms = max(int(what.duration_ms * ratio), skip_ms)
            ratio = play_ms / what.duration_ms
        return Outcome(
            play_ms=play_ms,
            ratio=min(ratio, 1.0),
            liked=not skipped and chances[0] < min(0.30 * keen, 0.9),
            commented=not skipped and chances[1] < min(0.03 * keen, 0.3),
            shared=not skipped and chances[2] < min(0.05 * keen, 0.4),
            refused=skipped and chances[3] < _REFUSED,
            hidden=skipped and chances[4] < _HIDDEN,
            reported=what.junk and chances[5] < _REPORTED,
        )

    def _draws(self, viewer: int, post: int) -> Random:
        key = f"{self._seed}/{viewer}/{post}".encode()
        return Random(int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big"))


def tires(outcome: Outcome, boredom: float) -> float:
    """Return the boredom after a view. A skipped post raises it, and a watched one lowers it."""
    return boredom + 1.0 if outcome.ratio < _BORING else max(boredom - 2.0 * outcome.ratio, 0.0)
