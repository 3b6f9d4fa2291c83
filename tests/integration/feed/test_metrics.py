"""What the function tells CloudWatch of each invocation, read from its standard output."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from functions.feed_ranker import app
from shared.observability import LogSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.integration.feed.harness import Harness

VIEWER = UUID("11111111-1111-4111-8111-111111111111")
Lines = list[dict[str, Any]]


@pytest.fixture
def lines(
    feed: Harness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[dict[str, Any], Lines]]]:
    """Calls the handler; its answer and the lines that it wrote."""
    for name, value in feed.environ.items():
        monkeypatch.setenv(name, value)
    app.container.cache_clear()

    def call(route: str, body: object = None, query: object = None) -> tuple[dict[str, Any], Lines]:
        # Not setStream: the stream of an earlier test may be closed.
        monkeypatch.setattr(app.telemetry.logger.logger_handler, "stream", sys.stdout)
        method, path = route.split()
        event = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "queryStringParameters": query,
            "requestContext": {
                "http": {"method": method, "path": path},
                "stage": "$default",
                "authorizer": {"jwt": {"claims": {"sub": str(VIEWER)}}},
            },
            "body": json.dumps(body),
        }
        context: Any = SimpleNamespace(aws_request_id=str(uuid4()), function_name="feed_ranker")
        answer = app.lambda_handler(event, context)
        written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return json.loads(answer["body"]), written

    yield call
    app.container().database.close()
    app.container.cache_clear()


def metrics(written: Lines) -> dict[str, Any]:
    (found,) = [line for line in written if "_aws" in line and "ColdStart" not in line]
    return {name: sum(v) for name, v in found.items() if isinstance(v, list)}


def test_a_page_is_measured(feed: Harness, lines: Any) -> None:  # noqa: ANN401  # a function
    feed.add_posts(300)
    first, written = lines("GET /v1/feed")
    measured = metrics(written)
    assert measured["FeedLatency"] > 0
    assert (measured["CacheHit"], measured["FillFailures"], measured["Degraded"]) == (0, 0, 0)
    by_source = {name: n for name, n in measured.items() if name.startswith("Posts")}
    assert sum(by_source.values()) == 12
    _, written = lines("GET /v1/feed", query={"cursor": first["next_cursor"]})
    assert metrics(written)["CacheHit"] == 1


def test_a_thin_catalogue_is_told_by_its_word_and_is_no_failure(
    feed: Harness,
    lines: Any,  # noqa: ANN401  # a function
) -> None:
    feed.add_posts(5)
    _, written = lines("GET /v1/feed")
    measured = metrics(written)
    assert (measured["DegradedCatalogue"], measured["FillFailures"]) == (1, 0)


def _forget_pages(feed: Harness, dynamodb: DynamoDBClient) -> None:
    """Lose everything that the session cache holds."""
    for item in dynamodb.scan(TableName=feed.table)["Items"]:
        dynamodb.delete_item(TableName=feed.table, Key={k: item[k] for k in ("pk", "sk")})


def test_a_post_whose_time_has_just_come_is_counted_before_the_upkeep_ran(
    feed: Harness,
    dynamodb: DynamoDBClient,
    lines: Any,  # noqa: ANN401  # a function
) -> None:
    feed.add_posts(5)
    (waiting,) = feed.add_posts(1, age=timedelta(hours=-1))
    first, _ = lines("GET /v1/feed")
    cursor = {"cursor": first["next_cursor"]}
    second, _ = lines("GET /v1/feed", query=cursor)
    assert len(second["posts"]) == 5
    feed.execute("SET session_replication_role = replica")  # the post's time comes; no trigger runs
    feed.execute(
        "UPDATE posts SET created_at = now() - interval '1 minute' WHERE created_at > now()"
    )
    feed.execute("UPDATE post_stats SET waits_until = waits_until - interval '2 hours'")
    _forget_pages(feed, dynamodb)
    # The ledger alone knows the page now, and that it lacks a post.
    again, written = lines("GET /v1/feed", query=cursor)
    assert str(waiting) in {post["post_id"] for post in again["posts"]}
    assert len(again["posts"]) == 6
    measured = metrics(written)
    assert (measured["DegradedCatalogue"], measured["FillFailures"]) == (1, 0)


def test_every_line_of_a_request_has_its_ids_and_no_viewer_is_named(
    feed: Harness,
    lines: Any,  # noqa: ANN401  # a function
) -> None:
    feed.add_posts(30)
    page, written = lines("GET /v1/feed")
    logged = [line for line in written if "message" in line]
    assert logged
    for line in logged:
        assert line["request_id"] == page["request_id"]
        assert line["session_id"] == page["session_id"]
        assert line["viewer"] == LogSettings().log_id(VIEWER)
    assert str(VIEWER) not in json.dumps(written)


def test_impressions_are_counted_with_what_was_rejected(feed: Harness, lines: Any) -> None:  # noqa: ANN401
    (post,) = feed.add_posts(1)
    row = {
        "event_id": str(uuid4()),
        "post_id": str(post),
        "source": "fresh",
        "position": 0,
        "visible_ms": 900,
        "seen_at": feed.now.isoformat(),
    }
    rows = [row, row, row | {"visible_ms": 3, "event_id": str(uuid4())}, row | {"post_id": "x"}]
    _, written = lines("POST /v1/impressions", {"session_id": str(uuid4()), "impressions": rows})
    measured = metrics(written)
    assert {name: n for name, n in measured.items() if name.startswith("Impressions")} == {
        "ImpressionsLatency": measured["ImpressionsLatency"],
        "ImpressionsAccepted": 1,
        "ImpressionsDuplicate": 1,
        "ImpressionsRejected": 2,
        "ImpressionsRejectedVisibleMs": 1,
        "ImpressionsRejectedPostId": 1,
    }


def test_a_request_that_cannot_be_answered_is_counted_as_such(
    lines: Any,  # noqa: ANN401  # a function
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://vroom_app@127.0.0.1:9/vroom")
    app.container.cache_clear()
    _, written = lines("GET /v1/feed")
    measured = metrics(written)
    assert (measured["ServerErrors"], measured["Unavailable"]) == (1, 1)
    _, written = lines("GET /v1/feed", query={"page_size": "0"})
    assert metrics(written)["ClientErrors"] == 1


def test_the_log_says_why_each_call_of_the_cache_failed(
    feed: Harness,
    lines: Callable[..., tuple[dict[str, Any], Lines]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed.add_posts(30)
    monkeypatch.setenv("SESSION_TABLE", "no-such-table")
    page, written = lines("GET /v1/feed")
    assert page["degraded"] == "cache"
    (failure,) = [line for line in written if line.get("message") == "cache call failed"]
    assert failure["level"] == "WARNING"
    assert failure["reason"] == "ResourceNotFoundException"
    assert failure["request_id"] == page["request_id"]
