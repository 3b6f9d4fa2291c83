"""What shapes a score: the weights of its parts, priors, half-lives. Pure, and checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.models import WatchNorm


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
