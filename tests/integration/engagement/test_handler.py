"""Watch progress and upkeep through the handler, as API Gateway and the scheduler call it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.feed_ranker import app
from local.gateway.schedules import scheduled_event
from tests.integration.engagement.audience import watch
from tests.integration.feed.harness import Harness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

VIEWER = uuid4()


@pytest.fixture
def feed(
    database: Database,
    dynamodb_endpoint: str,
    session_table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Harness]:
    with Harness(database, dynamodb_endpoint, session_table) as harness:
        for name, value in harness.environ.items():
            monkeypatch.setenv(name, value)
        app.container.cache_clear()
        yield harness
        app.container().database.close()
        app.container.cache_clear()


def invoke(event: dict[str, Any], seconds_left: float = 20.0) -> dict[str, Any]:
    context = SimpleNamespace(
        aws_request_id=str(uuid4()),
        function_name="feed_ranker",
        get_remaining_time_in_millis=lambda: int(seconds_left * 1000),
    )
    return app.lambda_handler(event, context)  # type: ignore[arg-type]  # as much of it as is used


def post_events(body: object) -> tuple[int, dict[str, Any]]:
    answer = invoke(
        {
            "version": "2.0",
            "routeKey": "POST /v1/watch-progress",
            "rawPath": "/v1/watch-progress",
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {
                "http": {"method": "POST", "path": "/v1/watch-progress"},
                "stage": "$default",
                "requestId": "gateway-id",
                "authorizer": {"jwt": {"claims": {"sub": str(VIEWER)}, "scopes": None}},
            },
            "isBase64Encoded": False,
            "body": json.dumps(body),
        }
    )
    return int(answer["statusCode"]), json.loads(answer["body"])


def figures(feed: Harness, post: UUID) -> tuple[Any, ...] | None:
    found: tuple[Any, ...] | None = feed.admin.execute(
        "SELECT impressions, plays, likes, replays FROM post_stats WHERE post_id = %s", [post]
    ).fetchone()
    return found


def test_watches_reach_the_figures_with_the_next_upkeep(feed: Harness) -> None:
    (post,) = feed.add_posts(1)
    event = watch(post, 1.0, liked=True)
    sent = [event, watch(post, 9.5), {**watch(post), "play_ms": -5}, event, watch(uuid4())]
    status, answer = post_events({"events": sent})
    assert status == 200
    assert (answer["accepted"], answer["duplicates"]) == (2, 1)
    assert [row["index"] for row in answer["rejected"]] == [2, 4]
    feed.sees(VIEWER, [post])
    assert figures(feed, post) == (0, 0, 0, 0)
    done = invoke(scheduled_event(datetime.now(UTC)))
    assert (done["events"], done["drained"], done["busy"]) == (3, True, False)
    assert figures(feed, post) == (1, 1, 1, 2)
    assert invoke({"source": "aws.events"})["events"] == 0


def test_an_upkeep_without_time_left_does_nothing_and_says_so(feed: Harness) -> None:
    (post,) = feed.add_posts(1)
    post_events({"events": [watch(post)]})
    done = invoke(scheduled_event(datetime.now(UTC)), seconds_left=2.1)
    assert (done["events"], done["drained"], done["removed"]) == (0, False, {})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"events": []},
        {"events": {}},
        {"events": [{}] * 101},
        {"events": [{}], "session_id": str(uuid4())},
        [],
    ],
)
def test_a_body_that_is_no_batch_is_400(feed: Harness, body: object) -> None:
    assert feed.container is not None
    assert post_events(body)[0] == 400


def test_nobody_watches_for_somebody_else(feed: Harness) -> None:
    (post,) = feed.add_posts(1)
    status, _ = post_events({"user_id": str(uuid4()), "events": [watch(post)]})
    assert status == 403
    assert figures(feed, post) == (0, 0, 0, 0)


SNAPSHOT: LiteralString = "SELECT count(*) FROM pg_class"
WRITE: LiteralString = "SELECT pg_current_xact_id()"


@pytest.mark.parametrize(
    ("elsewhere", "statement", "keeps"),
    [
        (False, SNAPSHOT, True),
        (False, WRITE, True),
        (False, None, False),
        (True, WRITE, True),
        (True, SNAPSHOT, False),
    ],
)
def test_the_upkeep_tells_of_a_transaction_that_was_left_open(
    feed: Harness,
    capsys: pytest.CaptureFixture[str],
    statement: LiteralString | None,
    *,
    elsewhere: bool,
    keeps: bool,
) -> None:
    """One that has only read keeps dead rows of its own database, and one that wrote of all."""

    known = feed.admin.info

    def told_s() -> float:
        capsys.readouterr()
        invoke(scheduled_event(datetime.now(UTC)))
        lines = map(json.loads, filter(None, capsys.readouterr().out.splitlines()))
        (found,) = [line["OldestSnapshot"] for line in lines if "OldestSnapshot" in line]
        (value,) = found if isinstance(found, list) else [found]
        return float(value) / 1000

    def age_s(connection: psycopg.Connection) -> float:
        row = feed.admin.execute(
            "SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8"
            " FROM pg_stat_activity WHERE pid = %s",
            [connection.info.backend_pid],
        ).fetchone()
        assert row is not None
        return float(row[0])

    def is_told(connection: psycopg.Connection) -> bool:
        least = age_s(connection)
        return told_s() >= least

    name = "postgres" if elsewhere else known.dbname
    with psycopg.connect(known.dsn, dbname=name, password=known.password) as forgotten:
        forgotten.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with forgotten.transaction():
            if statement:
                forgotten.execute(statement)
            if keeps:
                assert is_told(forgotten)
            else:
                # Transactions of other tests on this server may be told of, but they end.
                assert any(not is_told(forgotten) for _ in range(1000))
