"""The score of a candidate: engagement, freshness, context, diversity. Pure: no clock, no I/O.

score = 0.40 engagement + 0.30 freshness + 0.20 context + 0.10 diversity, each part in [0, 1].
"""

from __future__ import annotations

import math
from bisect import bisect_right
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

from shared.evidence import Evidence
from shared.heat import COLD, Thermometer, momentum
from shared.models import Connection, Device

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.models import Candidate, Moment, Signals
    from shared.ranking_config import Prior, RankingConfig, Weights

_NEUTRAL = 0.5
_SECONDS_PER_HOUR = 3600.0

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
        total = (
            weights.engagement * self.engagement
            + weights.freshness * self.freshness
            + weights.context * self.context
            + weights.diversity * self.diversity
        )
        return total if math.isfinite(total) else -math.inf


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
        candidates: Iterable[Candidate] = (),
    ) -> None:
        self.config = config
        self._now = moment.now
        self._shares = _personal_mix(config, signals)
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
        self._watches: dict[int, tuple[float, ...]] = {
            c.post_id.int: self._thermometer.read(c.heat) for c in candidates
        }
        doubt = config.heat_doubt * max(len(self._watches), 1)
        # What one watch adds to a post's share of the heat, at each half-life.
        self._share_of_watch = tuple(
            weight / (sum(column) + doubt)
            for weight, column in zip(
                self._mix, zip(*self._watches.values() or (COLD,), strict=True), strict=True
            )
        )
        self._least_share = config.heat_doubt * sum(self._share_of_watch)
        self._doublings: dict[int, float] = {}
        for candidate in candidates:
            self._doublings[candidate.post_id.int] = self._reach(candidate)
        unknown = math.log2((1.0 - self._follow) * self._least_share)
        self._best = max(
            filter(math.isfinite, self._doublings.values()),
            default=unknown + 0.5 * config.heat_range,
        )

    def parts(self, candidate: Candidate, served_of_creator: int = 0) -> Parts:
        """All four parts, given how many of the creator's posts the session holds already."""
        return Parts(
            self.engagement(candidate),
            self.freshness(candidate),
            self.context(candidate.duration_ms),
            self.diversity(served_of_creator),
        )

    def engagement(self, candidate: Candidate) -> float:
        """How likely this viewer watches the post now, as a standing among the candidates.

        1 for the best of them, less for each doubling by which another is likelier, 0 from
        `heat_range` doublings on. What counts is the post's share of the heat, what viewers of the
        same last posts went on to, the viewer's taste, and how well the post does where it is
        shown.
        """
        reach = self._doublings.get(candidate.post_id.int)
        if reach is None:
            reach = self._reach(candidate)
        if not math.isfinite(reach):
            return math.nan  # so that the post sinks
        return min(max(1.0 + (reach - self._best) / self.config.heat_range, 0.0), 1.0)

    def quality(self, candidate: Candidate) -> float:
        """Smoothed rates against typical ones, in the viewer's own proportions, as far as trusted.

        What the post's own impressions do not yet show is taken from its creator's record, and a
        followed creator is lifted.
        """
        config = self.config
        watch = config.watch[bisect_right(config.duration_bounds_ms, candidate.duration_ms or 0)]
        plays = max(candidate.plays, 0)
        watching, liking, commenting, sharing = self._shares
        virality = (
            watching * _relative_rate(watch, candidate.watch_ratio_sum, plays)
            + liking * _relative_rate(config.like, candidate.likes, plays)
            + commenting * _relative_rate(config.comment, candidate.comments, plays)
            + sharing * _relative_rate(config.share, candidate.shares, plays)
        )
        impressions = max(candidate.impressions, 0)
        confidence = impressions / (impressions + config.confident_impressions)
        score = confidence * virality + (1.0 - confidence) * _creator_record(
            candidate, watch, config.tolerated_reports
        )
        if candidate.followed:
            score += (1.0 - score) * config.followed_lift
        return score

    def appeal(self, candidate: Candidate) -> float:
        """How far a post is this viewer's own, in doublings: by neighbours and by taste."""
        return self._likely(candidate, self._least_share) + self.config.taste_doublings * taste(
            candidate, self.config.taste_half
        )

    def freshness(self, candidate: Candidate) -> float:
        """How fresh the attention to a post is; its age, as far as there is no attention yet.

        The age decays exponentially: 1 when new, one half after the viewer's half-life.
        """
        age_s = max((self._now - candidate.published_at).total_seconds(), 0.0)
        young = float(2.0 ** (-age_s / self._half_life_s))
        watches = self._watches_of(candidate)
        known = watches[-1] / (watches[-1] + self.config.momentum_evidence)
        return float(known * momentum(watches, self._mix) + (1.0 - known) * young)

    def evidence(self, candidate: Candidate) -> Evidence:
        """What speaks for the post beside the parts of its score."""
        watches = self._watches_of(candidate)
        known = watches[-1] / (watches[-1] + self.config.momentum_evidence)
        average = 1.0 / max(len(self._watches), 1)
        return Evidence.of(
            heat=math.log2(self._share_of_heat(watches) / average),
            neighbours=candidate.follows or 0.0,
            taste=taste(candidate, self.config.taste_half),
            momentum=known * momentum(watches, self._mix) + (1.0 - known) * _NEUTRAL,
        )

    def _reach(self, candidate: Candidate) -> float:
        """In doublings: how likely the post is watched next, by all that is known of it."""
        config = self.config
        return (
            self._likely(candidate, self._share_of_heat(self._watches_of(candidate)))
            + config.taste_doublings * taste(candidate, config.taste_half)
            + config.quality_doublings * (2.0 * self.quality(candidate) - 1.0)
        )

    def _likely(self, candidate: Candidate, share: float) -> float:
        """In doublings: how likely the post comes next, by its share of the heat and neighbours."""
        follows = max(candidate.follows or 0.0, 0.0)
        return math.log2((1.0 - self._follow) * share + self._follow * follows)

    def _share_of_heat(self, watches: Sequence[float]) -> float:
        """The post's share of the heat of all candidates, by the mix."""
        return float(self._least_share + sum(map(mul, self._share_of_watch, watches)))

    def _watches_of(self, candidate: Candidate) -> tuple[float, ...]:
        found = self._watches.get(candidate.post_id.int)
        return self._thermometer.read(candidate.heat) if found is None else found

    def context(self, duration_ms: int | None) -> float:
        """How well a clip of this length fits the hour, the screen and the connection."""
        seconds = max((duration_ms or 0) / 1000.0, 1.0)
        distance = (math.log(seconds) - self._log_fitting_s) / _FIT_WIDTH
        fit = math.exp(-0.5 * distance * distance)
        return 0.5 * fit + 0.5 * self._patience_s / (self._patience_s + seconds)

    def diversity(self, served_of_creator: int) -> float:
        """1 for a creator new to the session, less with each post of theirs."""
        return float(self.config.creator_variety**served_of_creator)


def _personal_mix(config: RankingConfig, signals: Signals) -> tuple[float, ...]:
    """The shares of virality, bent to how this viewer engages; they sum to 1."""
    shares: tuple[float, ...] = config.virality_shares
    if signals.samples:
        typical_watch = config.watch[len(config.watch) // 2].mean
        habits = (
            _ratio_to_typical(signals.avg_watch_ratio, typical_watch),
            _ratio_to_typical(signals.like_rate, config.like.mean),
            _ratio_to_typical(signals.comment_rate, config.comment.mean),
            _ratio_to_typical(signals.share_rate, config.share.mean),
        )
        shares = tuple(s * (_NEUTRAL + h) for s, h in zip(shares, habits, strict=True))
    whole = sum(shares)
    return tuple(share / whole for share in shares)


def _ratio_to_typical(rate: float, typical: float) -> float:
    """A rate in [0, ∞) against a typical one: 0.5 where equal, towards 1 above it."""
    rate = max(rate, 0.0)
    return rate / (rate + typical)


def _relative_rate(prior: Prior, successes: float, trials: float) -> float:
    """A smoothed rate against the typical one: `_ratio_to_typical` of `prior.smooth`, inlined."""
    belief, mean = prior.trials, prior.mean
    rate = (successes + mean * belief) / (trials + belief)
    if rate < 0.0:
        return 0.0
    return rate / (rate + mean)  # four times a candidate: calls are what it would cost most


def _creator_record(candidate: Candidate, watch: Prior, tolerated_reports: float) -> float:
    """What the creator's earlier posts let expect, in [0, 1]; neutral without a record."""
    samples = max(candidate.creator_samples or 0, 0)
    if not samples:
        return _NEUTRAL
    record = _ratio_to_typical(candidate.creator_watch_ratio or 0.0, watch.mean)
    reported = max(candidate.creator_report_rate or 0.0, 0.0)
    record *= tolerated_reports / (tolerated_reports + reported)
    trust = samples / (samples + watch.trials)
    return trust * record + (1.0 - trust) * _NEUTRAL


def taste(candidate: Candidate, half: float) -> float:
    """The viewer's affinity for the creator and the tags together, in (-1, 1); 0 where unknown."""
    affinity = (candidate.creator_affinity or 0.0) + (candidate.tag_affinity or 0.0)
    return affinity / (abs(affinity) + half)
