"""What the feed tells its owners: one log line and the metrics of each answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.heat import SCALES
from shared.models import Rung

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.feed_ranker.feed.request import Served
    from functions.feed_ranker.pages.cursor import Position
    from shared.observability import Telemetry
    from shared.ranking import Parts
    from shared.ranking_config import RankingConfig

# Of rows in batches; a name of a client's own would make a metric of its own.
_FIELDS: Final = frozenset(
    {"event_id", "post_id", "source", "position", "visible_ms", "seen_at"}
    | {"play_ms", "duration_ms", "liked", "commented", "shared"}
)

_DEGRADED: Final = ("cache", "database", "inventory", "catalogue")


@dataclass(frozen=True, slots=True)
class FeedTelemetry:
    """Turns what happened into lines and figures.

    Attributes:
        telemetry: Where they go.
    """

    telemetry: Telemetry

    def page(self, at: Position, served: Served) -> None:
        """Tell of a page that was served; the propensities allow policies to be compared."""
        page, count = served.page, self.telemetry.count
        explored = [(i, p) for i, p in enumerate(page.posts) if p.rung is Rung.EXPLORE]
        self.telemetry.logger.info(
            "page served",
            page_no=at.page_no,
            cache_hit=served.from_cache,
            prepared=served.prepared,
            stale_cursor=served.queue_expired,
            degraded=served.degraded,
            variant=page.policy.variant,
            explored=[
                {"post_id": str(p.post_id), "position": i, "propensity": p.propensity}
                for i, p in explored
            ],
            posts=len(page.posts),
        )
        count("CacheHit", served.from_cache)
        count("PreparedHit", served.prepared)
        count("StaleCursor", served.queue_expired)
        for rung in Rung:
            count(f"Posts{rung.title()}", sum(p.rung is rung for p in page.posts))
        count("Repeats", sum(p.is_repeat for p in page.posts))
        count("WithdrawnPosts", served.withdrawn)
        count("Degraded", served.degraded is not None)
        for word in _DEGRADED:
            # Also where it is not so: the average is then the share of pages, for the alarms.
            count(f"Degraded{word.title()}", served.degraded == word)
        self.decided(served.decided)
        count("FillFailures", served.underfilled)
        if served.underfilled:
            self.telemetry.logger.error("page shorter than promised", page_no=at.page_no)

    def decided(self, shares: Parts | None) -> None:
        """Tell how much each part of the score decided in a ranking, in shares that sum to 1."""
        if shares is not None:
            for part, share in shares._asdict().items():
                self.telemetry.count(f"DecidedBy{part.title()}", share)

    def learnt(self, ranking: RankingConfig) -> None:
        """Tell how much attention counts at each time scale, and how much neighbours do."""
        for scale, weight in zip(SCALES, ranking.learnt_mix, strict=True):
            self.telemetry.count(f"HeatMix{scale.title()}", weight)
        self.telemetry.count("NeighbourShare", ranking.learnt_neighbours)

    def no_page(self, at: Position, reason: str) -> None:
        """Tell that a request got no page, and why."""
        self.telemetry.logger.warning("no page", page_no=at.page_no, reason=reason)
        self.telemetry.count(f"NoPage{reason.title().replace('_', '')}")

    def batch(self, what: str, answer: Mapping[str, Any]) -> None:
        """Tell of a batch that was taken in: of `what`, and how clients were answered."""
        self.telemetry.count(f"{what}Accepted", answer["accepted"])
        self.telemetry.count(f"{what}Duplicate", answer["duplicates"])
        self.telemetry.count(f"{what}Rejected", len(answer["rejected"]))
        reasons = Counter(str(row["reason"]).partition(":")[0] for row in answer["rejected"])
        for field, rows in reasons.items():
            known = field.title().replace("_", "") if field in _FIELDS else "Other"
            self.telemetry.count(f"{what}Rejected{known}", rows)
        if reasons:
            self.telemetry.logger.warning("rows rejected", what=what, by_field=reasons)

    def preparation(self, outcome: str) -> None:
        """Tell what came of ranking a queue ahead."""
        self.telemetry.logger.info("queue ranked ahead", outcome=outcome)
        self.telemetry.count(f"Preparations{outcome.title()}")

    def self_views(self, count: int) -> None:
        """Tell of watches of a viewer's own posts, from which nothing is learnt."""
        self.telemetry.count("WatchesOfOwnPosts", count)

    def feedback(self, answer: Mapping[str, Any]) -> None:
        """Tell of a feedback that was given or taken back."""
        action = str(answer["action"]).title().replace("_", "")
        self.telemetry.count("FeedbackUndone" if answer["undone"] else f"Feedback{action}")

    def cache_failure(self, reason: str) -> None:
        """Tell of a call of the session cache that failed; the request goes on without it."""
        self.telemetry.logger.warning("cache call failed", reason=reason)

    def flag_fault(self, name: str, reason: str) -> None:
        """Tell of a flag that cannot be followed, so that everybody gets control."""
        self.telemetry.logger.error("feature flag ignored", flag=name, reason=reason)
        self.telemetry.count("FlagsInvalid")

    def work(self, prefix: str, done: Mapping[str, float]) -> None:
        """Tell what a scheduled run did, by name: `events` of RollUp becomes RollUpEvents."""
        self.telemetry.logger.info("scheduled work done", extra={"work": prefix, **done})
        for name, value in done.items():
            self.telemetry.count(prefix + name.title().replace("_", ""), value)

    def durations(self, found: Mapping[str, float]) -> None:
        """Tell durations in ms, by name: `events_age` becomes EventsAge."""
        for name, value in found.items():
            self.telemetry.milliseconds(name.title().replace("_", ""), value)
