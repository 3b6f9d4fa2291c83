"""How well a post does wherever it is shown, for one viewer. Pure."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.models import Candidate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.models import Signals
    from shared.ranking_config import Prior, RankingConfig

NEUTRAL: Final = 0.5

# What is read of a candidate, in one step: reading attributes one by one takes longer.
_READ: Final = itemgetter(
    *map(
        Candidate._fields.index,
        (
            *("duration_ms", "impressions", "plays", "watch_ratio_sum", "likes", "comments"),
            *("shares", "followed"),
        ),
    )
)
_RECORD: Final = itemgetter(
    *map(Candidate._fields.index, ("creator_watch_ratio", "creator_report_rate", "creator_samples"))
)


class _Rate(NamedTuple):
    """A prior as rates are smoothed by it: (successes + believed) / (trials + belief)."""

    believed: float
    belief: float
    mean: float


class Quality:
    """Judges posts for one viewer.

    Args:
        config: The priors.
        signals: How the viewer engages.
    """

    def __init__(self, config: RankingConfig, signals: Signals) -> None:
        self._config = config
        self._shares = _personal_mix(config, signals)
        self._watch = tuple(map(_rate, config.watch))
        self._engaged = (*_rate(config.like), *_rate(config.comment), *_rate(config.share))

    def of(self, candidates: Sequence[Candidate]) -> list[float]:
        """Return smoothed rates against typical ones, in the viewer's own proportions.

        They count as far as they are trusted. What a post's own impressions do not yet show is
        taken from its creator's earlier posts, which say nothing where there are none, and a
        followed creator is lifted. The smoothed rates are `Prior.smooth`, written out: calls are
        what they would cost most.
        """
        config = self._config
        bounds, confident = config.duration_bounds_ms, config.confident_impressions
        lift, tolerated = config.followed_lift, config.tolerated_reports
        watching, liking, commenting, sharing = self._shares
        like_m, like_n, like, comment_m, comment_n, comment, share_m, share_n, share = self._engaged
        found = []
        for post, creator in zip(map(_READ, candidates), map(_RECORD, candidates), strict=True):
            length, impressions, plays, seen, likes, comments, shares, followed = post
            creator_watched, creator_reports, samples = creator
            watch_m, watch_n, typical = self._watch[bisect_right(bounds, length or 0)]
            trials = plays if plays > 0 else 0
            watch_rate = (seen + watch_m) / (trials + watch_n)
            like_rate = (likes + like_m) / (trials + like_n)
            comment_rate = (comments + comment_m) / (trials + comment_n)
            share_rate = (shares + share_m) / (trials + share_n)
            # Against a typical one a rate is 0.5 where equal, towards 1 above it.
            virality = (
                watching * (0.0 if watch_rate < 0.0 else watch_rate / (watch_rate + typical))
                + liking * (0.0 if like_rate < 0.0 else like_rate / (like_rate + like))
                + commenting
                * (0.0 if comment_rate < 0.0 else comment_rate / (comment_rate + comment))
                + sharing * (0.0 if share_rate < 0.0 else share_rate / (share_rate + share))
            )
            shown = impressions if impressions > 0 else 0
            confidence = shown / (shown + confident)
            expected = NEUTRAL
            if samples is not None and samples > 0:
                record = _ratio_to_typical(creator_watched or 0.0, typical)
                if creator_reports:
                    reports = 0.0 if creator_reports < 0.0 else creator_reports
                    record *= tolerated / (tolerated + reports)
                trust = samples / (samples + watch_n)
                expected = trust * record + (1.0 - trust) * NEUTRAL
            score = confidence * virality + (1.0 - confidence) * expected
            found.append(score + (1.0 - score) * lift if followed else score)
        return found


def _rate(prior: Prior) -> _Rate:
    return _Rate(prior.mean * prior.trials, prior.trials, prior.mean)


def _personal_mix(config: RankingConfig, signals: Signals) -> tuple[float, ...]:
    """Return the shares of virality, bent to how this viewer engages; they sum to 1."""
    shares: tuple[float, ...] = config.virality_shares
    if signals.samples:
        typical_watch = config.watch[len(config.watch) // 2].mean
        habits = (
            _ratio_to_typical(signals.avg_watch_ratio, typical_watch),
            _ratio_to_typical(signals.like_rate, config.like.mean),
            _ratio_to_typical(signals.comment_rate, config.comment.mean),
            _ratio_to_typical(signals.share_rate, config.share.mean),
        )
        shares = tuple(s * (NEUTRAL + h) for s, h in zip(shares, habits, strict=True))
    whole = sum(shares)
    return tuple(share / whole for share in shares)


def _ratio_to_typical(rate: float, typical: float) -> float:
    """Return a rate in [0, ∞) against a typical one: 0.5 where equal, towards 1 above it."""
    return 0.0 if rate < 0.0 else rate / (rate + typical)
