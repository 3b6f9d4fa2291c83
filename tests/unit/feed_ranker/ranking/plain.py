"""The ranking written plainly, one candidate and one figure at a time: the fast one must agree.

Nothing is kept from one candidate to the next, nothing is bounded, and figures are rounded by
`round` alone. Sums stand in the order of the fast ranking, so that figures compare exactly.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

from functions.feed_ranker.ranking.exploration import weight
from functions.feed_ranker.ranking.ladder import taste_reason
from functions.feed_ranker.ranking.stream import Entry
from shared import ranking
from shared.evidence import Evidence
from shared.heat import HALF_LIVES_S
from shared.models import UNSEEN_RUNGS, Candidate, Rung
from shared.ranking import Parts, taste

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.feed_ranker.ranking.exploration import Discovery
    from shared.models import Moment, Signals
    from shared.ranking_config import Prior, RankingConfig

COLD = (0.0, 0.0, 0.0, 0.0)


class PlainRanker:
    """Scores candidates by the formulas of `shared.ranking`."""

    def __init__(
        self,
        config: RankingConfig,
        signals: Signals,
        moment: Moment,
        candidates: Sequence[Candidate],
    ) -> None:
        self.config, self.signals, self.moment = config, signals, moment
        since_s = (moment.now - moment.now.replace(2020, 1, 1, 0, 0, 0, 0)).total_seconds()
        self.units = [since_s / half_life_s for half_life_s in HALF_LIVES_S]
        watches = {c.post_id: self.watches(c) for c in candidates}
        self.count = max(len(watches), 1)
        columns = zip(*watches.values() or [COLD], strict=True)
        self.shares = [
            share / (sum(column) + config.heat_doubt * self.count)
            for share, column in zip(config.mix, columns, strict=True)
        ]
        self.least = config.heat_doubt * sum(self.shares)
        self.taste_doublings = self.doublings_of_taste(candidates)
        reaches = [reach for c in candidates if math.isfinite(reach := self.reach(c))]
        nothing = math.log2((1.0 - config.neighbour_share) * self.least)
        self.best = max(reaches, default=nothing + 0.5 * config.heat_range)

    def watches(self, c: Candidate) -> Sequence[float]:
        if c.heat is None:
            return COLD
        return [
            float(2.0 ** min(max(score - now, -60.0), 60.0))
            for score, now in zip(c.heat, self.units, strict=True)
        ]

    def share(self, c: Candidate) -> float:
        a, b, d, e = (s * w for s, w in zip(self.shares, self.watches(c), strict=True))
        return float(self.least + (a + b + d + e))

    def momentum(self, c: Candidate) -> float:
        watches = self.watches(c)
        per_s = [
            share * watched / half_life_s
            for share, watched, half_life_s in zip(
                self.config.mix, watches, HALF_LIVES_S, strict=True
            )
        ]
        now = 1.0 / 86_400.0 + (per_s[0] + per_s[1] + per_s[2] + per_s[3])
        return now / (now + (1.0 + watches[3]) / 86_400.0)

    def trust(self, c: Candidate) -> float:
        day = self.watches(c)[3]
        return day / (day + self.config.momentum_evidence)

    def likely(self, share: float, c: Candidate) -> float:
        follow = self.config.neighbour_share
        return math.log2((1.0 - follow) * share + follow * max(c.follows or 0.0, 0.0))

    def doublings_of_taste(self, candidates: Sequence[Candidate]) -> float:
        config = self.config
        likely = [self.likely(self.share(c), c) for c in candidates]
        mean = sum(likely) / self.count
        spread = math.sqrt(sum((value - mean) ** 2 for value in likely) / self.count)
        calm = 1.0 - spread / 0.5 if spread < 0.5 else 0.0
        return config.taste_doublings * (1.0 + calm * (config.calm_taste_lift - 1.0))

    def reach(self, c: Candidate) -> float:
        config = self.config
        return (
            self.likely(self.share(c), c)
            + self.taste_doublings * taste(c, config.taste_half)
            + config.quality_doublings * (2.0 * self.quality(c) - 1.0)
        )

    def quality(self, c: Candidate) -> float:
        config = self.config
        watch = config.watch[bisect_right(config.duration_bounds_ms, c.duration_ms or 0)]
        plays, shown = max(c.plays, 0), max(c.impressions, 0)
        a, b, d, e = self.mix()
        virality = (
            a * against(watch, watch.smooth(c.watch_ratio_sum, plays))
            + b * against(config.like, config.like.smooth(c.likes, plays))
            + d * against(config.comment, config.comment.smooth(c.comments, plays))
            + e * against(config.share, config.share.smooth(c.shares, plays))
        )
        confidence = shown / (shown + config.confident_impressions)
        score = confidence * virality + (1.0 - confidence) * self.record(c, watch)
        return score + (1.0 - score) * config.followed_lift if c.followed else score

    def mix(self) -> list[float]:
        config, signals = self.config, self.signals
        shares = list(config.virality_shares)
        if signals.samples:
            habits = [
                against(config.watch[2], signals.avg_watch_ratio),
                against(config.like, signals.like_rate),
                against(config.comment, signals.comment_rate),
                against(config.share, signals.share_rate),
            ]
            shares = [s * (0.5 + habit) for s, habit in zip(shares, habits, strict=True)]
        return [share / sum(shares) for share in shares]

    def record(self, c: Candidate, watch: Prior) -> float:
        samples = max(c.creator_samples or 0, 0)
        if not samples:
            return 0.5
        tolerated = self.config.tolerated_reports
        record = against(watch, c.creator_watch_ratio or 0.0)
        record *= tolerated / (tolerated + max(c.creator_report_rate or 0.0, 0.0))
        trust = samples / (samples + watch.trials)
        return trust * record + (1.0 - trust) * 0.5

    def parts(self, c: Candidate, served: int) -> Parts:
        reach = self.reach(c)
        standing = min(max(1.0 + (reach - self.best) / self.config.heat_range, 0.0), 1.0)
        preference = min(max(self.signals.freshness_preference, 0.0), 1.0)
        half_life_s = self.config.freshness_half_life_h * 3600.0 * 2.0 ** (1.0 - 2.0 * preference)
        age_s = max((self.moment.now - c.published_at).total_seconds(), 0.0)
        young, trust = 2.0 ** (-age_s / half_life_s), self.trust(c)
        return Parts(
            standing if math.isfinite(reach) else math.nan,
            trust * self.momentum(c) + (1.0 - trust) * young,
            self.context(c),
            self.config.creator_variety**served,
        )

    def context(self, c: Candidate) -> float:
        hour, screen = self.moment.hour, ranking._SCREEN_STRETCH[self.moment.device]
        fitting = [s for since, s in ranking._FITTING_SECONDS if since <= hour][-1]
        patience = ranking._PATIENCE_S[self.moment.connection]
        seconds = max((c.duration_ms or 0) / 1000.0, 1.0)
        distance = (math.log(seconds) - math.log(fitting * screen)) / ranking._FIT_WIDTH
        return 0.5 * math.exp(-0.5 * distance * distance) + 0.5 * patience / (patience + seconds)

    def evidence(self, c: Candidate) -> Evidence:
        trust = self.trust(c)
        return Evidence.of(
            math.log2(self.share(c) / (1.0 / self.count)),
            c.follows or 0.0,
            taste(c, self.config.taste_half),
            trust * self.momentum(c) + (1.0 - trust) * 0.5,
        )

    def appeal(self, c: Candidate) -> float:
        own = self.taste_doublings * taste(c, self.config.taste_half)
        return self.likely(self.least, c) + own


def against(typical: Prior, rate: float) -> float:
    rate = rate if math.isnan(rate) else max(rate, 0.0)
    return rate / (rate + typical.mean)


def plain_weight(c: Candidate, discovery: Discovery) -> float:
    share = weight(c.published_at, c.impressions, discovery.now)
    if c.impressions < discovery.quota:
        lacking = 1.0 - max(c.impressions, 0) / discovery.quota
        share *= (1.0 + 4.0 * lacking) * discovery._promise(c)
    if discovery.new_viewer and c.tag_affinity is None:
        share *= 2.0
    if not discovery.new_viewer:
        share *= 2.0 ** (2.0 * taste(c, discovery.config.taste_half))
        share *= 1.0 + min(30.0 * max(c.follows or 0.0, 0.0), 4.0)
    return max(rounded(share), 1e-6)


def rounded(value: float) -> float:
    return round(value, 6) if math.isfinite(value) else 0.0


def plain_ladder(
    candidates: Sequence[Candidate], ranker: PlainRanker, discovery: Discovery
) -> list[Entry]:
    """Rung by rung, at each step the best of what is left; equal scores by id."""
    served = {c.creator_id: c.creator_served for c in candidates}
    weights, entries = ranker.config.weights, []
    for rung in UNSEEN_RUNGS:
        left = [c for c in candidates if c.rung == rung]
        while left:
            scored = [(-ranker.parts(c, served[c.creator_id]).total(weights), c) for c in left]
            _, best = min(scored, key=lambda found: (found[0], found[1].post_id))
            entries.append(plain_entry(best, rung, served[best.creator_id], ranker, discovery))
            served[best.creator_id] += 1
            left.remove(best)
    return entries


def plain_entry(
    c: Candidate, rung: Rung, served: int, ranker: PlainRanker, discovery: Discovery
) -> Entry:
    parts = ranker.parts(c, served)
    return Entry(
        c.post_id,
        c.creator_id,
        rung,
        Parts(*map(rounded, parts)),
        rounded(parts.total(ranker.config.weights)),
        c.followed,
        plain_weight(c, discovery),
        taste_reason(c),
        ranker.evidence(c),
    )


def plain_heaviest(
    candidates: Sequence[Candidate], count: int, discovery: Discovery
) -> list[Candidate]:
    weighed = [(plain_weight(c, discovery), c.post_id, c) for c in candidates]
    return [c for _, _, c in heapq.nlargest(count, weighed, key=itemgetter(0, 1))]
