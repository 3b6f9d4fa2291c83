"""The score of a candidate: engagement, freshness, context, diversity. Pure: no clock, no I/O.

score = 0.40 engagement + 0.30 freshness + 0.20 context + 0.10 diversity, each part in [0, 1].

Every candidate of a request is scored, so what is worked out for each of them is written for speed:
in columns, and without a call where an expression does.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.evidence import Evidence
from shared.heat import COLD, Thermometer, momentum
from shared.models import Candidate, Connection, Device
from shared.quality import NEUTRAL, Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from shared.heat import Watches
    from shared.models import Moment, Signals
    from shared.ranking_config import RankingConfig, Weights

_SECONDS_PER_HOUR = 3600.0
# The standard deviation, in doublings, from which heat and neighbours set candidates apart enough.
_TELLING_SPREAD = 0.5
_SHORTEST_MS = 1000  # shorter clips fit as those of a second do

# What one watches at leisure lasts longer: the clip length (seconds) that fits an hour of the day
# best, and by how much a screen stretches it.
_FITTING_SECONDS = (
    (0, 60.0),
    (6, 25.0),
    (9, 30.0),
    (12, 35.0),
    (14, 30.0),
    (18, 60.0),
    (21, 90.0),
)
_FITTING_HOURS = [hour for hour, _ in _FITTING_SECONDS]
_SCREEN_STRETCH = {Device.PHONE: 1.0, Device.TABLET: 1.5, Device.DESKTOP: 1.5, Device.TV: 2.5}
_FIT_WIDTH = 2.4  # standard deviation of the log-normal fit, in nats: about a factor of 11
# Seconds of video after which a connection makes half of the viewers wait.
_PATIENCE_S = {
    Connection.WIFI: 600.0,
    Connection.FIVE_G: 400.0,
    Connection.FOUR_G: 180.0,
    Connection.THREE_G: 45.0,
    Connection.TWO_G: 15.0,
}


class Parts(NamedTuple):
    """The parts of one score, each in [0, 1]."""

    engagement: float
    freshness: float
    context: float
    diversity: float

    def total(self, weights: Weights) -> float:
        """The weighted sum, in [0, 1]; a non-finite part makes it -inf, so that it sinks."""
        return weighted(self, weights.values)


PlainParts = tuple[float, float, float, float]  # parts, or their weights, where there are many


def weighted(parts: PlainParts, weights: PlainParts) -> float:
    """The weighted sum of parts, in [0, 1]; one that is not finite makes it -inf."""
    engagement, freshness, context, diversity = parts
    a, b, c, d = weights
    total = a * engagement + b * freshness + c * context + d * diversity
    return total if math.isfinite(total) else -math.inf


Own = tuple[float, float, float]  # engagement, freshness, context: what no other post changes

# What is read of a candidate, in one step: reading attributes one by one takes longer.
_OF_OWN: Final = itemgetter(
    *map(Candidate._fields.index, ("post_id", "published_at", "duration_ms"))
)
_OF_REACH: Final = itemgetter(
    *map(Candidate._fields.index, ("follows", "creator_affinity", "tag_affinity"))
)


# What more than one figure of a candidate is made of: the post's share of the heat of all
# candidates; how far its momentum counts beside its age, in [0, 1); how far the attention to it is
# rising; the viewer's taste for it; and its reach: how likely it is watched next by all that is
# known of it, in doublings.
_Known = tuple[float, float, float, float, float]
# The first four of these; what heat and neighbours make likely; and what quality adds to it.
_Learnt = tuple[float, float, float, float, float, float]


class Ranker:
    """Scores the candidates of one request: what is the viewer's is worked out once.

    Args:
        config: What shapes a score.
        signals: How the viewer engages.
        moment: When and on what they watch.
        candidates: Those of the request, among which each one's standing is taken. A candidate that
            is none of them is held against one of which nothing is known.
    """

    def __init__(
        self,
        config: RankingConfig,
        signals: Signals,
        moment: Moment,
        candidates: Sequence[Candidate] = (),
    ) -> None:
        self.config = config
        self._now = moment.now
        self._quality = Quality(config, signals)
        preference = min(max(signals.freshness_preference, 0.0), 1.0)
        # From twice the half-life for a viewer of old posts to half of it for one of new posts.
        self._half_life_s = (
            config.freshness_half_life_h * _SECONDS_PER_HOUR * 2.0 ** (1.0 - 2.0 * preference)
        )
        fitting = _FITTING_SECONDS[bisect_right(_FITTING_HOURS, moment.hour) - 1][1]
        self._log_fitting_s = math.log(fitting * _SCREEN_STRETCH[moment.device])
        self._patience_s = _PATIENCE_S[moment.connection]
        self._thermometer = Thermometer(moment.now)
        self._mix = config.mix
        self._follow = config.neighbour_share
        watches = {c.post_id.int: self._thermometer.read(c.heat) for c in candidates}
        doubt = config.heat_doubt * max(len(watches), 1)
        # What one watch adds to a post's share of the heat, at each half-life.
        self._share_of_watch = tuple(
            weight / (sum(column) + doubt)
            for weight, column in zip(
                self._mix, zip(*watches.values() or (COLD,), strict=True), strict=True
            )
        )
        self._least_share = config.heat_doubt * sum(self._share_of_watch)
        self._average_share = 1.0 / max(len(watches), 1)
        self._cold = self._attention(COLD)
        numbers = [c.post_id.int for c in candidates]
        learnt = list(self._learn(candidates, [watches[n] for n in numbers]))
        self.taste_doublings = _taste_doublings([row[4] for row in learnt], config)
        self._known = dict(zip(numbers, self._with_reach(learnt), strict=True))
        self._unlikely = self._likely(
            self._least_share, None
        )  # of a post of which nothing is known
        self._best = max(
            filter(math.isfinite, [known[4] for known in self._known.values()]),
            default=self._unlikely + 0.5 * config.heat_range,
        )
        self._own: dict[int, Own] = {}
        self._varieties: dict[int, float] = {}

    def parts(self, candidate: Candidate, served_of_creator: int = 0) -> Parts:
        """All four parts, given how many of the creator's posts the session holds already."""
        own = self._own.get(candidate.post_id.int) or self.own([candidate])[0]
        return Parts(*own, self.diversity(served_of_creator))

    def own(self, candidates: Iterable[Candidate]) -> list[Own]:
        """Engagement, freshness and context of each candidate."""
        known_by_number, own = self._known, self._own
        found = []
        for candidate in candidates:
            post_id, published_at, duration_ms = _OF_OWN(candidate)
            number = post_id.int
            known = known_by_number.get(number)
            _, trust, rising, _, reach = known or self._known_of(candidate)
            parts = (
                self._standing(reach),
                self._freshness(published_at, trust, rising),
                self.context(duration_ms),
            )
            if known is not None:
                own[number] = parts
            found.append(parts)
        return found

    def engagement(self, candidate: Candidate) -> float:
        """How likely this viewer watches the post now, as a standing among the candidates.

        1 for the best of them, less for each doubling by which another is likelier, 0 from
        `heat_range` doublings on. What counts is the post's share of the heat, what viewers of the
        same last posts went on to, the viewer's taste, and how well the post does where it is
        shown.
        """
        return self._standing(self._known_of(candidate)[-1])

    def _standing(self, reach: float) -> float:
        standing = 1.0 + (reach - self._best) / self.config.heat_range
        if 0.0 <= standing <= 1.0:
            return standing
        if not math.isfinite(reach):
            return math.nan  # so that the post sinks
        return 0.0 if standing < 0.0 else 1.0

    def freshness(self, candidate: Candidate) -> float:
        """How fresh the attention to a post is; its age, as far as there is no attention yet.

        The age decays exponentially: 1 when new, one half after the viewer's half-life.
        """
        _, trust, rising, _, _ = self._known_of(candidate)
        return self._freshness(candidate.published_at, trust, rising)

    def _freshness(self, published_at: datetime, trust: float, rising: float) -> float:
        age_s = (self._now - published_at).total_seconds()
        young: float = 2.0 ** (-age_s / self._half_life_s) if age_s > 0.0 else 1.0
        return trust * rising + (1.0 - trust) * young

    def context(self, duration_ms: int | None) -> float:
        """How well a clip of this length fits the hour, the screen and the connection."""
        seconds = duration_ms / 1000.0 if duration_ms and duration_ms > _SHORTEST_MS else 1.0
        distance = (math.log(seconds) - self._log_fitting_s) / _FIT_WIDTH
        fit = math.exp(-0.5 * distance * distance)
        return 0.5 * fit + 0.5 * self._patience_s / (self._patience_s + seconds)

    def diversity(self, served_of_creator: int) -> float:
        """1 for a creator new to the session, less with each post of theirs."""
        variety = self._varieties.get(served_of_creator)
        if variety is None:
            variety = float(self.config.creator_variety**served_of_creator)
            self._varieties[served_of_creator] = variety
        return variety

    def quality(self, candidate: Candidate) -> float:
        """How well the post does wherever it is shown, in [0, 1]."""
        return self._quality.of([candidate])[0]

    def appeal(self, candidate: Candidate) -> float:
        """How far a post is this viewer's own, in doublings: by neighbours and by taste."""
        follows = candidate.follows
        likely = self._likely(self._least_share, follows) if follows else self._unlikely
        return likely + self.taste_doublings * self._known_of(candidate)[3]

    def evidence(self, candidate: Candidate) -> Evidence:
        """What speaks for the post beside the parts of its score."""
        share, trust, rising, liked, _ = self._known_of(candidate)
        return Evidence.of(
            heat=math.log2(share / self._average_share),
            neighbours=candidate.follows or 0.0,
            taste=liked,
            momentum=trust * rising + (1.0 - trust) * NEUTRAL,
        )

    def _known_of(self, candidate: Candidate) -> _Known:
        known = self._known.get(candidate.post_id.int)
        if known is None:
            learnt = self._learn([candidate], [self._thermometer.read(candidate.heat)])
            (known,) = self._with_reach(learnt)
        return known

    def _with_reach(self, learnt: Iterable[_Learnt]) -> list[_Known]:
        doublings = self.taste_doublings
        return [
            (share, trust, rising, liked, likely + doublings * liked + quality)
            for share, trust, rising, liked, likely, quality in learnt
        ]

    def _learn(
        self, candidates: Sequence[Candidate], watches: Sequence[Watches]
    ) -> Iterator[_Learnt]:
        """Work out what is known of each candidate by itself.

        Its reach is what the heat and the neighbours make likely, in doublings, and what taste and
        quality add to it.
        """
        half = self.config.taste_half
        of_quality, cold = self.config.quality_doublings, self._cold
        attention, likely = self._attention, self._likely
        for row, watched, quality in zip(
            map(_OF_REACH, candidates), watches, self._quality.of(candidates), strict=True
        ):
            follows, creator_affinity, tag_affinity = row
            share, trust, rising = cold if watched is COLD else attention(watched)
            liked = 0.0
            if creator_affinity or tag_affinity:
                liked = _taste(creator_affinity, tag_affinity, half)
            added = of_quality * (2.0 * quality - 1.0)
            yield share, trust, rising, liked, likely(share, follows), added

    def _attention(self, watches: Watches) -> tuple[float, float, float]:
        """The share of the heat, how far momentum is trusted, and the momentum."""
        minutes, hour, hours, day = watches
        a, b, c, d = self._share_of_watch
        share = self._least_share + (a * minutes + b * hour + c * hours + d * day)
        return share, day / (day + self.config.momentum_evidence), momentum(watches, self._mix)

    def _likely(self, share: float, follows: float | None) -> float:
        """In doublings: how likely the post comes next, by its share of the heat and neighbours."""
        if not follows or follows < 0.0:
            return math.log2((1.0 - self._follow) * share)
        return math.log2((1.0 - self._follow) * share + self._follow * follows)


def _taste_doublings(likely: Sequence[float], config: RankingConfig) -> float:
    """Return the doublings that taste adds, by how far heat and neighbours set candidates apart.

    They tell most in a large crowd with trends. Where all candidates are watched alike they tell
    next to nothing, and what is left for this viewer's own taste to tell is more.
    """
    count = max(len(likely), 1)
    mean = sum(likely) / count
    spread = math.sqrt(sum((value - mean) ** 2 for value in likely) / count)
    calm = 1.0 - spread / _TELLING_SPREAD if spread < _TELLING_SPREAD else 0.0
    return config.taste_doublings * (1.0 + calm * (config.calm_taste_lift - 1.0))


def taste(candidate: Candidate, half: float) -> float:
    """The viewer's affinity for the creator and the tags together, in (-1, 1); 0 where unknown."""
    return _taste(candidate.creator_affinity, candidate.tag_affinity, half)


def _taste(creator_affinity: float | None, tag_affinity: float | None, half: float) -> float:
    affinity = (creator_affinity or 0.0) + (tag_affinity or 0.0)
    return affinity / (abs(affinity) + half) if affinity else 0.0
