"""The score of a candidate: engagement, freshness, context, diversity. Pure: no clock, no I/O.

score = 0.40 engagement + 0.30 freshness + 0.20 context + 0.10 diversity, each part in [0, 1].
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from shared.models import Candidate, Connection, Device, Moment, Signals

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from shared.models import WatchNorm

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
_FIT_WIDTH = 1.2  # standard deviation of the log-normal fit, in nats: about a factor of 3
# Seconds of video after which a connection makes half of the viewers wait.
_PATIENCE_S = {
    Connection.WIFI: 600.0,
    Connection.FIVE_G: 400.0,
    Connection.FOUR_G: 180.0,
    Connection.THREE_G: 45.0,
    Connection.TWO_G: 15.0,
}


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part counts; they sum to 1."""

    engagement: float = 0.40
    freshness: float = 0.30
    context: float = 0.20
    diversity: float = 0.10

    def __post_init__(self) -> None:
        """Refuse weights that are no weights.

        Raises:
            ValueError: One is outside [0, 1], or they do not sum to 1.
        """
        values = (self.engagement, self.freshness, self.context, self.diversity)
        if not all(0.0 <= value <= 1.0 for value in values):
            raise ValueError("ranking weights must lie in [0, 1]")
        if not math.isclose(sum(values), 1.0, abs_tol=1e-9):
            raise ValueError(f"ranking weights must sum to 1, not {sum(values)}")


@dataclass(frozen=True, slots=True)
class Prior:
    """A rate before anything is known: its mean, and how many trials that belief is worth."""

    mean: float
    trials: float = 20.0

    def smooth(self, successes: float, trials: float) -> float:
        """The posterior mean of a beta-binomial: (successes + mean · m) / (trials + m)."""
        return (successes + self.mean * self.trials) / (trials + self.trials)


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """Everything that shapes a score. Immutable and checked, so that any instance is usable."""

    weights: Weights = field(default_factory=Weights)
    like: Prior = Prior(0.04)
    comment: Prior = Prior(0.005)
    share: Prior = Prior(0.01)
    # Watch ratios are compared with clips of like length: upper bounds in ms, a typical ratio each.
    duration_bounds_ms: tuple[int, ...] = (15_000, 30_000, 60_000, 120_000)
    watch: tuple[Prior, ...] = (Prior(0.85), Prior(0.70), Prior(0.55), Prior(0.45), Prior(0.35))
    # Shares of watching, liking, commenting and sharing in virality, before the viewer's habits.
    virality_shares: tuple[float, float, float, float] = (0.50, 0.25, 0.10, 0.15)
    confident_impressions: float = 50.0  # half of the evidence's weight
    followed_lift: float = 0.30
    # How far taste moves engagement: that share of the way to 1 for what is liked without end, to 0
    # for what is disliked so. At the default, one post liked and watched to its end (an affinity of
    # about 1.3 for its creator, and for its tags) outweighs a day of age in the next such post.
    taste_strength: float = 0.80
    taste_half: float = 1.5  # the affinity that does half of that
    tolerated_reports: float = 0.02  # the creator's report rate that halves their record
    freshness_half_life_h: float = 48.0
    creator_variety: float = 0.5  # the diversity part per earlier post of the same creator

    def __post_init__(self) -> None:
        """Refuse a configuration under which a part could leave [0, 1].

        Raises:
            ValueError: Saying which.
        """
        if len(self.watch) != len(self.duration_bounds_ms) + 1:
            raise ValueError("one watch prior is needed per duration bucket")
        if list(self.duration_bounds_ms) != sorted(set(self.duration_bounds_ms)):
            raise ValueError("duration bounds must grow")
        priors = (self.like, self.comment, self.share, *self.watch)
        if not all(0 < p.mean < 1 and p.trials > 0 for p in priors):
            raise ValueError("priors need a mean in (0, 1) and positive trials")
        if not (
            self.freshness_half_life_h > 0
            and self.confident_impressions > 0
            and min(self.virality_shares) > 0
        ):
            raise ValueError(
                "half-life, confident impressions and virality shares must be positive"
            )
        if not (self.taste_half > 0 and self.tolerated_reports > 0):
            raise ValueError("half affinity and tolerated reports must be positive")
        if not (
            0 <= self.followed_lift <= 1
            and 0 <= self.creator_variety <= 1
            and 0 <= self.taste_strength <= 1
        ):
            raise ValueError("followed lift, creator variety and taste strength must lie in [0, 1]")


def with_norms(config: RankingConfig, norms: Iterable[WatchNorm]) -> RankingConfig:
    """`config` with what is watched of clips of each length, as measured.

    Each prior counts as so many plays as it is worth trials, as when viewers' taste is learnt. A
    bucket without figures, or of which nothing or everything is ever watched, keeps its prior.
    """
    priors = list(config.watch)
    for norm in norms:
        if 0 <= norm.bucket < len(priors):
            prior = config.watch[norm.bucket]
            mean = prior.smooth(norm.watch_ratio_sum, norm.plays)
            if 0.0 < mean < 1.0:
                priors[norm.bucket] = replace(prior, mean=mean)
    return replace(config, watch=tuple(priors))


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
    """Scores the candidates of one request: what is the viewer's is worked out once."""

    def __init__(self, config: RankingConfig, signals: Signals, moment: Moment) -> None:
        self.config = config
        self._now = moment.now
        self._shares = _habitual_shares(config, signals)
        preference = min(max(signals.freshness_preference, 0.0), 1.0)
        # From twice the half-life for a viewer of old posts to half of it for one of new posts.
        self._half_life_s = (
            config.freshness_half_life_h * _SECONDS_PER_HOUR * 2.0 ** (1.0 - 2.0 * preference)
        )
        fitting = _FITTING_SECONDS[bisect_right(_FITTING_HOURS, moment.hour) - 1][1]
        self._log_fitting_s = math.log(fitting * _SCREEN_STRETCH[moment.device])
        self._patience_s = _PATIENCE_S[moment.connection]

    def parts(self, candidate: Candidate, served_of_creator: int = 0) -> Parts:
        """All four parts, given how many of the creator's posts the session holds already."""
        return Parts(
            self.engagement(candidate),
            self.freshness(candidate.published_at),
            self.context(candidate.duration_ms),
            self.diversity(served_of_creator),
        )

    def engagement(self, candidate: Candidate) -> float:
        """Smoothed rates against typical ones, in the viewer's own proportions, as far as trusted.

        What the post's own impressions do not yet show is taken from its creator's record, a
        followed creator is lifted, and the viewer's taste has the last word.
        """
        config = self.config
        bucket = bisect_right(config.duration_bounds_ms, candidate.duration_ms or 0)
        watch, plays = config.watch[bucket], max(candidate.plays, 0)
        rates = (
            _against(watch.smooth(candidate.watch_ratio_sum, plays), watch.mean),
            _against(config.like.smooth(candidate.likes, plays), config.like.mean),
            _against(config.comment.smooth(candidate.comments, plays), config.comment.mean),
            _against(config.share.smooth(candidate.shares, plays), config.share.mean),
        )
        virality = sum(share * rate for share, rate in zip(self._shares, rates, strict=True))
        impressions = max(candidate.impressions, 0)
        confidence = impressions / (impressions + config.confident_impressions)
        score = confidence * virality + (1.0 - confidence) * _creator_record(
            candidate, watch, config.tolerated_reports
        )
        if candidate.followed:
            score += (1.0 - score) * config.followed_lift
        return _bent(score, config.taste_strength * _taste(candidate, config.taste_half))

    def freshness(self, published_at: datetime) -> float:
        """Exponential decay of age: 1 when new, one half after the viewer's half-life."""
        age_s = max((self._now - published_at).total_seconds(), 0.0)
        return float(2.0 ** (-age_s / self._half_life_s))

    def context(self, duration_ms: int | None) -> float:
        """How well a clip of this length fits the hour, the screen and the connection."""
        seconds = max((duration_ms or 0) / 1000.0, 1.0)
        distance = (math.log(seconds) - self._log_fitting_s) / _FIT_WIDTH
        fit = math.exp(-0.5 * distance * distance)
        return 0.5 * fit + 0.5 * self._patience_s / (self._patience_s + seconds)

    def diversity(self, served_of_creator: int) -> float:
        """1 for a creator new to the session, less with each post of theirs."""
        return float(self.config.creator_variety**served_of_creator)


def _habitual_shares(config: RankingConfig, signals: Signals) -> tuple[float, ...]:
    """The shares of virality, bent to how this viewer engages; they sum to 1."""
    shares: tuple[float, ...] = config.virality_shares
    if signals.samples:
        typical_watch = config.watch[len(config.watch) // 2].mean
        habits = (
            _against(signals.avg_watch_ratio, typical_watch),
            _against(signals.like_rate, config.like.mean),
            _against(signals.comment_rate, config.comment.mean),
            _against(signals.share_rate, config.share.mean),
        )
        shares = tuple(s * (_NEUTRAL + h) for s, h in zip(shares, habits, strict=True))
    whole = sum(shares)
    return tuple(share / whole for share in shares)


def _against(rate: float, typical: float) -> float:
    """A rate in [0, ∞) against a typical one: 0.5 where equal, towards 1 above it."""
    return max(rate, 0.0) / (max(rate, 0.0) + typical)


def _creator_record(candidate: Candidate, watch: Prior, tolerated_reports: float) -> float:
    """What the creator's earlier posts let expect, in [0, 1]; neutral without a record."""
    samples = max(candidate.creator_samples or 0, 0)
    if not samples:
        return _NEUTRAL
    record = _against(candidate.creator_watch_ratio or 0.0, watch.mean)
    reported = max(candidate.creator_report_rate or 0.0, 0.0)
    record *= tolerated_reports / (tolerated_reports + reported)
    trust = samples / (samples + watch.trials)
    return trust * record + (1.0 - trust) * _NEUTRAL


def _taste(candidate: Candidate, half: float) -> float:
    """The viewer's affinity for the creator and the tags together, in (-1, 1); 0 where unknown."""
    affinity = (candidate.creator_affinity or 0.0) + (candidate.tag_affinity or 0.0)
    return affinity / (abs(affinity) + half)


def _bent(score: float, push: float) -> float:
    """A score in [0, 1] moved by `push` in [-1, 1]: towards 1, or towards 0, by that share."""
    return score + push * ((1.0 - score) if push > 0.0 else score)
