"""What shapes a score: the weights of its parts, priors, half-lives. Pure, and checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        values = self.values
        if not all(0.0 <= value <= 1.0 for value in values):
            raise ValueError("ranking weights must lie in [0, 1]")
        if not math.isclose(sum(values), 1.0, abs_tol=1e-9):
            raise ValueError(f"ranking weights must sum to 1, not {sum(values)}")

    @property
    def values(self) -> tuple[float, float, float, float]:
        """The weights in the order of the parts."""
        return self.engagement, self.freshness, self.context, self.diversity


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
    # The engagement part counts in doublings of how likely a post is watched next. It is 0 from so
    # many doublings below the best candidate on.
    heat_range: float = 4.0
    heat_doubt: float = 1.0  # watches that each candidate is given before any was counted
    # The weights of the heat's half-lives, as `shared.heat` has them; and those that a flag pins:
    # where one of these is positive, they are in force, and what is learnt is not.
    learnt_mix: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25)
    mix_minutes: float = 0.0
    mix_hour: float = 0.0
    mix_hours: float = 0.0
    mix_day: float = 0.0
    # How often the next post is one that viewers of the same last posts went on to, as learnt; and
    # the same where a flag pins it. What is left goes by the heat.
    learnt_neighbours: float = 0.25
    neighbours: float = 0.0
    # What the learnt odds are multiplied by. They are learnt from all that is watched. What is
    # ranked are posts that the viewer has not seen, and of these the hottest are soon few.
    neighbour_lift: float = 3.0
    # Doublings that taste adds for what is liked without end, or takes for what is disliked so; and
    # the affinity that does half of that.
    taste_doublings: float = 2.0
    # What taste counts more where heat and neighbours tell nothing, since all candidates are
    # watched alike. It falls to 1 where these set the candidates apart by half a doubling (a
    # standard deviation) or more.
    calm_taste_lift: float = 4.0
    taste_half: float = 2.0
    quality_doublings: float = 1.0  # likewise for a post that does well wherever it is shown
    momentum_evidence: float = 3.0  # watches of a day from which half of freshness is momentum
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
        self._check_reach()
        if not (self.taste_half > 0 and self.tolerated_reports > 0):
            raise ValueError("half affinity and tolerated reports must be positive")
        if not (0 <= self.followed_lift <= 1 and 0 <= self.creator_variety <= 1):
            raise ValueError("followed lift and creator variety must lie in [0, 1]")

    @property
    def mix(self) -> tuple[float, ...]:
        """The weights of the heat's half-lives in force; they sum to 1."""
        pinned = (self.mix_minutes, self.mix_hour, self.mix_hours, self.mix_day)
        chosen = pinned if any(pinned) else self.learnt_mix
        whole = sum(chosen)
        return tuple(weight / whole for weight in chosen)

    @property
    def neighbour_share(self) -> float:
        """How much neighbours count beside the heat, in [0, 1)."""
        learnt = self.learnt_neighbours
        odds = self.neighbour_lift * learnt
        return self.neighbours or odds / (1.0 - learnt + odds)

    def _check_reach(self) -> None:
        if not (self.heat_range > 0 and self.heat_doubt > 0 and self.momentum_evidence > 0):
            raise ValueError("heat range, heat doubt and momentum's evidence must be positive")
        pulls = (
            self.neighbour_lift,
            self.taste_doublings,
            self.calm_taste_lift,
            self.quality_doublings,
        )
        if not all(pull >= 0 for pull in pulls):
            raise ValueError("the weights of taste and quality must not be negative")
        if not (0 <= self.neighbours < 1 and 0 <= self.learnt_neighbours < 1):
            raise ValueError("the share of neighbours must lie in [0, 1)")
        pinned = (self.mix_minutes, self.mix_hour, self.mix_hours, self.mix_day)
        if not all(0 <= weight <= 1 for weight in (*pinned, *self.learnt_mix)):
            raise ValueError("the weights of half-lives must lie in [0, 1]")
        if len(self.learnt_mix) != len(pinned) or not sum(self.learnt_mix) > 0:
            raise ValueError("the mix needs a weight for each half-life, and one that is positive")


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


def with_mix(config: RankingConfig, mix: Sequence[float]) -> RankingConfig:
    """`config` with the mix of half-lives as learnt; one that cannot be changes nothing.

    Where one more number follows, it is the learnt share of neighbours.
    """
    weights, rest = mix[: len(config.learnt_mix)], mix[len(config.learnt_mix) :]
    possible = len(weights) == len(config.learnt_mix) and sum(weights) > 0 and len(rest) <= 1
    if not (
        possible and all(0.0 <= w <= 1.0 for w in weights) and all(0.0 <= r < 1.0 for r in rest)
    ):
        return config
    neighbours = rest[0] if rest else config.learnt_neighbours
    return replace(config, learnt_mix=tuple(weights), learnt_neighbours=neighbours)
