from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from functions.feed_ranker.feed.request import Served
from functions.feed_ranker.feed.trace import of_page
from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, Placed
from functions.feed_ranker.telemetry import FeedTelemetry
from shared.models import Rung
from shared.ranking import Parts
from shared.ranking_config import RankingConfig, with_mix
from tests.unit.feed_ranker.generators import SESSION

if TYPE_CHECKING:
    from shared.observability import Telemetry


class Notes:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.lines: list[tuple[str, dict[str, Any]]] = []
        line = lambda text, **more: self.lines.append((text, more))  # noqa: E731
        self.logger = SimpleNamespace(info=line, warning=line, error=line)

    def count(self, name: str, value: float = 1) -> None:
        self.counts[name] += value  # type: ignore[assignment]  # shares are fractions


def page_of(*rungs: Rung, ranked_by: str = "me") -> Page:
    posts = tuple(
        Placed(
            UUID(int=i),
            UUID(int=100 + i),
            rung,
            Parts(0.5, 0.5, 0.5, 0.5),
            0.5,
            False,
            0.01 if rung is Rung.EXPLORE else None,
        )
        for i, rung in enumerate(rungs)
    )
    return Page(posts, len(posts), Position(SESSION, 1), None, ranked_by=ranked_by)


def served(*rungs: Rung) -> Served:
    """A page of these rungs, taken from a queue."""
    return Served(page_of(*rungs), {}, from_cache=True, queue_expired=False, degraded=None)


def told(page: Served) -> Notes:
    notes = Notes()
    FeedTelemetry(cast("Telemetry", notes)).page(Position(SESSION), page)
    return notes


def test_a_pages_posts_are_counted_by_rung() -> None:
    page = served(Rung.FRESH, Rung.FRESH, Rung.EXPLORE, Rung.REPEAT, Rung.RECYCLED)
    counts = told(replace(page, queue_expired=True)).counts
    assert {name: counts[name] for name in counts if name.startswith("Posts")} == {
        "PostsFresh": 2,
        "PostsFollowing": 0,
        "PostsTrending": 0,
        "PostsExplore": 1,
        "PostsRepeat": 1,
        "PostsRecycled": 1,
    }
    assert (counts["CacheHit"], counts["StaleCursor"], counts["Repeats"]) == (1, 1, 2)
    assert (counts["Degraded"], counts["FillFailures"]) == (0, 0)


def test_a_degraded_page_is_counted_by_its_word_and_a_short_one_is_an_error() -> None:
    served = Served(
        page_of(),
        {},
        from_cache=False,
        queue_expired=False,
        degraded="cache",
        withdrawn=3,
        underfilled=True,
    )
    notes = told(served)
    assert notes.counts["Degraded"] == notes.counts["DegradedCache"] == 1
    assert notes.counts["FillFailures"] == 1
    assert notes.counts["WithdrawnPosts"] == 3
    assert notes.lines[-1][0] == "page shorter than promised"


def test_the_line_of_a_page_has_the_propensities() -> None:
    notes = told(
        Served(
            page_of(Rung.FRESH, Rung.EXPLORE),
            {},
            from_cache=True,
            queue_expired=False,
            degraded=None,
        )
    )
    ((text, line),) = notes.lines
    assert text == "page served"
    explored = {"post_id": str(UUID(int=1)), "position": 1, "propensity": 0.01}
    assert line["explored"] == [explored]
    assert line["variant"] == "control"


def test_rejected_rows_are_counted_by_field_and_a_clients_own_names_make_no_metric() -> None:
    notes = Notes()
    rejected = [
        {"index": i, "reason": reason}
        for i, reason in enumerate(["post_id: no such post", "post_id: x", "surprise: no", "odd"])
    ]
    answer = {"accepted": 5, "duplicates": 2, "rejected": rejected}
    FeedTelemetry(cast("Telemetry", notes)).batch("Impressions", answer)
    assert dict(notes.counts) == {
        "ImpressionsAccepted": 5,
        "ImpressionsDuplicate": 2,
        "ImpressionsRejected": 4,
        "ImpressionsRejectedPostId": 2,
        "ImpressionsRejectedOther": 2,
    }


def test_feedback_is_counted_by_what_was_asked() -> None:
    notes = Notes()
    for undone in (False, True):
        answer = {"action": "hide_creator", "undone": undone}
        FeedTelemetry(cast("Telemetry", notes)).feedback(answer)
    assert dict(notes.counts) == {"FeedbackHideCreator": 1, "FeedbackUndone": 1}


def test_the_trace_of_a_page_is_empty_where_there_is_nothing_to_add() -> None:
    assert of_page(page_of(Rung.FRESH), "me", 0) == {}


def test_the_trace_names_the_request_that_ranked_the_draws_and_the_losses() -> None:
    page = page_of(Rung.FRESH, Rung.EXPLORE, ranked_by="other")
    assert of_page(page, "me", 1) == {"draws": [[1, 0.01]], "ranked_by": "other", "withdrawn": 1}


def test_a_request_without_a_page_is_counted_by_its_reason() -> None:
    notes = Notes()
    FeedTelemetry(cast("Telemetry", notes)).no_page(Position(SESSION), "queue_too_old")
    assert notes.counts["NoPageQueueTooOld"] == 1
    assert notes.lines == [("no page", {"page_no": 0, "reason": "queue_too_old"})]


def test_what_decided_a_ranking_is_told_in_shares_where_the_request_ranked() -> None:
    page = served(Rung.FRESH)
    assert not [name for name in told(page).counts if name.startswith("DecidedBy")]
    ranked = replace(page, decided=Parts(0.5, 0.25, 0.25, 0.0))
    counts = told(ranked).counts
    assert {name: counts[name] for name in counts if name.startswith("DecidedBy")} == {
        "DecidedByEngagement": 0.5,
        "DecidedByFreshness": 0.25,
        "DecidedByContext": 0.25,
        "DecidedByDiversity": 0.0,
    }


def test_the_learnt_mix_is_told_by_time_scale() -> None:
    notes = Notes()
    learnt = with_mix(RankingConfig(), (0.1, 0.2, 0.3, 0.4, 0.25))
    FeedTelemetry(cast("Telemetry", notes)).learnt(learnt)
    assert notes.counts == {
        "HeatMixMinutes": 0.1,
        "HeatMixHour": 0.2,
        "HeatMixHours": 0.3,
        "HeatMixDay": 0.4,
        "NeighbourShare": 0.25,
    }
