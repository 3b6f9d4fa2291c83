"""The printed monitoring and troubleshooting statements tell the truth about what was served."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.feed_ranker.requests import FeedQuery
from shared.errors import InvalidInputError
from tests.integration.database import seed

if TYPE_CHECKING:
    from tests.integration.feed.harness import Harness, Viewer


def printed(feed: Harness, statement: LiteralString, viewer: Viewer | None = None) -> Any:  # noqa: ANN401  # rows of any shape
    """Runs a printed statement as an operator does."""
    cursor = psycopg.RawCursor(feed.admin)
    return cursor.execute(statement, [viewer.id] if viewer else None).fetchall()


def stored(feed: Harness, query: LiteralString) -> list[Any]:
    return [row[0] for row in feed.admin.execute(query).fetchall()]


def page_after(feed: Harness, viewer: UUID, elapsed_ms: float) -> None:
    """A first page that the function had worked on for `elapsed_ms` before it was committed."""
    feed.container.page(viewer, FeedQuery(), str(uuid4()), feed.now, lambda: elapsed_ms)


def test_the_average_response_time_is_over_the_requests_and_covers_the_functions_work(
    feed: Harness,
) -> None:
    feed.add_posts(60)
    for elapsed_ms in (100.0, 300.0):
        page_after(feed, uuid4(), elapsed_ms)
    times = sorted(stored(feed, "SELECT response_time_ms FROM feed_requests"))
    assert times[0] >= 100.0
    assert times[1] >= 300.0
    ((average,),) = printed(feed, seed.FEED_PERFORMANCE)
    assert average == pytest.approx(sum(times) / 2)


def test_the_response_time_includes_what_the_commit_itself_takes(feed: Harness) -> None:
    feed.add_posts(60)
    page_after(feed, uuid4(), 0.0)
    assert stored(feed, "SELECT response_time_ms > 0 FROM feed_requests") == [True]


def test_cache_efficiency_is_the_share_of_answers_that_were_hits(feed: Harness) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    answers = [viewer.next()["cache"] for _ in range(4)]
    answers.append(feed.viewer().next()["cache"])
    hits = answers.count("hit") / len(answers)
    assert 0.0 < hits < 1.0
    assert printed(feed, seed.CACHE_EFFICIENCY) == [(pytest.approx(hits),)]


def test_every_answer_is_one_request_replays_too_and_a_refused_one_is_none(feed: Harness) -> None:
    feed.add_posts(60)
    viewer = feed.viewer()
    first = viewer.next()
    replay = viewer.page(session_id=first["session_id"])
    with pytest.raises(InvalidInputError):
        viewer.page(cursor="forged")
    answered = {first["request_id"], replay["request_id"]}
    assert {str(i) for i in stored(feed, "SELECT request_id FROM feed_requests")} == answered


def test_the_repeat_rate_is_that_of_the_posts_that_were_seen(feed: Harness) -> None:
    posts = feed.add_posts(30)
    viewer = feed.viewer()
    feed.sees(viewer.id, posts[:22])
    feed.execute("UPDATE user_post_impressions SET created_at = now() - interval '2 days'")
    page = viewer.next()
    viewer.records(page)
    served = Counter(post["source"] for post in page["posts"])
    assert served["repeat"] > 0
    assert dict(printed(feed, seed.REPEAT_RATE)) == served


def test_the_troubleshooting_counts_are_what_the_feed_goes_by(feed: Harness) -> None:
    posts = feed.add_posts(20)
    feed.execute("UPDATE posts SET visibility = 'removed' WHERE id = ANY(%s)", posts[:3])
    feed.execute("UPDATE posts SET mux_ready = false WHERE id = ANY(%s)", posts[3:5])
    viewer = feed.viewer()
    viewer.records(viewer.next(10))
    ((eligible,),) = printed(feed, seed.ELIGIBLE_POSTS)
    ((seen,),) = printed(feed, seed.SEEN_POSTS, viewer)
    assert (eligible, seen) == (15, 10)
    viewer.restart()
    page = viewer.next(15)
    assert sum(not post["is_repeat"] for post in page["posts"]) == eligible - seen


def test_the_operators_feed_is_drawn_from_what_the_viewer_gets(feed: Harness) -> None:
    feed.add_posts(40)
    viewer = feed.viewer()
    viewer.records(viewer.next())
    seen = set(stored(feed, "SELECT post_id FROM user_post_impressions"))
    page = printed(feed, seed.FEED, viewer)
    assert len(page) == 12
    assert not seen & {row[1] for row in page}
    plan = "\n".join(line for (line,) in printed(feed, seed.EXPLAINED_FEED, viewer))
    assert "Execution Time" in plan


@pytest.mark.skipif("DATABASE_URL" in os.environ, reason="a given server tracks what it tracks")
def test_our_own_server_counts_the_calls_of_functions(feed: Harness) -> None:
    feed.add_posts(12)
    for _ in range(3):
        printed(feed, seed.FEED, feed.viewer())
    feed.execute("SELECT pg_stat_force_next_flush()")
    cursor = psycopg.RawCursor(feed.admin)
    (row,) = cursor.execute(seed.FUNCTION_CALLS).fetchall()
    columns = [column.name for column in cursor.description or []]
    assert dict(zip(columns, row, strict=True))["calls"] == 3


def test_the_days_figures_stand_in_one_row(feed: Harness) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    for _ in range(3):
        viewer.next()
    feed.execute(
        "UPDATE feed_requests SET response_time_ms = 10 * (page_no + 1),"
        " degraded = CASE page_no WHEN 2 THEN 'cache' END"
    )
    figures = feed.admin.execute("SELECT * FROM feed_stats").fetchall()
    assert figures == [(3, 2, 1, 20.0, 29.0, [0.25, 0.25, 0.25, 0.25], 0, 0.25)]
