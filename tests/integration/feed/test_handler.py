"""The handler, from API Gateway's event to its answer, with everything that clients get wrong."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.feed_ranker import app
from shared.errors import SettingsError
from tests.integration.feed.harness import Harness, ids

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEWER = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def fields(self) -> list[str]:
        return [error["field"] for error in self.body.get("errors", [])]


@dataclass
class Api:
    """Calls the handler as API Gateway does."""

    feed: Harness

    def call(  # the parts of a request
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: object = None,
        *,
        raw: str | None = None,
        encoded: bool = False,
        claims: dict[str, Any] | None = None,
    ) -> Answer:
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {
                "http": {"method": method, "path": path},
                "stage": "$default",
                "requestId": "gateway-id",
                "authorizer": {"jwt": {"claims": claims or {"sub": VIEWER}, "scopes": None}},
            },
            "isBase64Encoded": encoded,
        }
        if query:
            event["queryStringParameters"] = {k: str(v) for k, v in query.items()}
        if raw is not None or body is not None:
            event["body"] = raw if raw is not None else json.dumps(body)
        context = SimpleNamespace(aws_request_id=str(uuid4()), function_name="feed_ranker")
        answer = app.lambda_handler(event, context)  # type: ignore[arg-type]
        return Answer(
            int(answer["statusCode"]),
            {
                **answer.get("headers", {}),
                **{k: v[0] for k, v in answer.get("multiValueHeaders", {}).items()},
            },
            json.loads(answer["body"]),
        )

    def impressions(self, rows: object, **more: Any) -> Answer:  # noqa: ANN401
        return self.call(
            "POST",
            "/v1/impressions",
            body={"session_id": str(uuid4()), "impressions": rows, **more},
        )

    def row(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        (post,) = self.feed.add_posts(1)
        return {
            "event_id": str(uuid4()),
            "post_id": str(post),
            "source": "fresh",
            "position": 3,
            "visible_ms": 500,
            "seen_at": self.feed.now.isoformat(),
            **changes,
        }

    def stored(self) -> int:
        row = self.feed.admin.execute("SELECT count(*) FROM user_post_impressions").fetchone()
        return int(row[0]) if row else -1


@pytest.fixture
def api(feed: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    for name, value in feed.environ.items():
        monkeypatch.setenv(name, value)
    app.container.cache_clear()
    yield Api(feed)
    app.container().database.close()
    app.container.cache_clear()


def is_problem(answer: Answer, status: int, *fields: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "request_id"} <= set(answer.body)
    assert answer.body["status"] == status
    assert answer.fields == list(fields)
    text = json.dumps(answer.body)
    assert not any(leak in text for leak in ("Traceback", "SELECT", "psycopg", "a-secret"))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("europe/berlin", "Europe/Berlin"),
        ("GMT+02:00", "UTC"),
        ("Mars/Olympus", "UTC"),
    ],
)
def test_a_time_zone_that_there_is_not_costs_no_page_and_the_answer_says_which_was_taken(
    api: Api, given: str, taken: str
) -> None:
    api.feed.add_posts(12)
    page = api.call("GET", "/v1/feed", {"timezone": given})
    session = api.call("POST", "/v1/sessions", body={"timezone": given})
    assert (page.status, session.status) == (200, 201)
    assert page.headers["Vroom-Timezone"] == session.headers["Vroom-Timezone"] == taken


def test_a_page_and_its_cursor(api: Api) -> None:
    api.feed.add_posts(40)
    first = api.call("GET", "/v1/feed")
    assert first.status == 200
    assert first.headers["Content-Type"] == "application/json"
    query = {"cursor": first.body["next_cursor"], "session_id": first.body["session_id"]}
    second = api.call("GET", "/v1/feed", query)
    assert not set(ids(first.body)) & set(ids(second.body))


def test_a_session_starts_with_its_first_page_written(api: Api) -> None:
    api.feed.add_posts(40)
    wanted = {"device": "tablet", "connection": "4g", "timezone": "Asia/Tokyo", "page_size": 9}
    started = api.call("POST", "/v1/sessions", body=wanted)
    assert started.status == 201
    assert started.body["cooldown_days"] == 30
    assert started.body["viewability"] == {"fraction": 0.5, "dwell_ms": 500}
    server_time = datetime.fromisoformat(started.body["server_time"])
    assert datetime.fromisoformat(started.body["expires_at"]) > server_time
    session = started.body["session_id"]
    first = api.call("GET", "/v1/feed", {"session_id": session, "page_size": 9})
    assert (first.body["session_id"], first.body["cache"]) == (session, "hit")
    assert first.body["variant"] == started.body["variant"]
    assert len(first.body["posts"]) == 9
    cursor = {"cursor": first.body["next_cursor"], "page_size": 9}
    second = api.call("GET", "/v1/feed", cursor)
    assert second.body["session_id"] == session
    assert not set(ids(first.body)) & set(ids(second.body))


def test_a_session_needs_nothing_said(api: Api) -> None:
    api.feed.add_posts(40)
    session = api.call("POST", "/v1/sessions").body["session_id"]
    assert api.call("GET", "/v1/feed", {"session_id": session}).body["cache"] == "hit"
    assert api.call("POST", "/v1/sessions", body={}).body["session_id"] != session


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("page_size", 0),
        ("page_size", 51),
        ("page_size", "12"),
        ("page_size", None),
        ("device", "fridge"),
        ("connection", "6g"),
        ("timezone", "A" * 65),
        ("session_id", OTHER),
    ],
)
def test_a_bad_field_of_a_session_is_named(api: Api, field: str, value: object) -> None:
    is_problem(api.call("POST", "/v1/sessions", body={field: value}), 400, field)


def test_a_session_is_started_for_nobody_else(api: Api) -> None:
    is_problem(api.call("POST", "/v1/sessions", body={"user_id": OTHER}), 403)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"page_size": 0}, "page_size"),
        ({"page_size": 51}, "page_size"),
        ({"page_size": -1}, "page_size"),
        ({"page_size": "x"}, "page_size"),
        ({"page_size": "1e1"}, "page_size"),
        ({"page_size": ""}, "page_size"),
        ({"page_size": "12,12"}, "page_size"),
        ({"page_size": "9" * 5_000}, "page_size"),
        ({"session_id": "no-uuid"}, "session_id"),
        ({"device": "fridge"}, "device"),
        ({"connection": "6g"}, "connection"),
        ({"timezone": "é" * 65}, "timezone"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "A" * 10_240}, "cursor"),
        ({"cursor": "ü€😀"}, "cursor"),
    ],
)
def test_a_bad_query_parameter_is_named(api: Api, query: dict[str, Any], field: str) -> None:
    is_problem(api.call("GET", "/v1/feed", query), 400, field)


def test_every_bad_query_parameter_is_named_at_once(api: Api) -> None:
    query = {"page_size": 99, "device": "fridge", "timezone": ""}
    is_problem(api.call("GET", "/v1/feed", query), 400, "page_size", "device", "timezone")


def test_a_cursor_altered_at_any_byte_is_refused(api: Api) -> None:
    api.feed.add_posts(40)
    cursor = api.call("GET", "/v1/feed").body["next_cursor"]
    for i, char in enumerate(cursor):
        altered = cursor[:i] + ("A" if char != "A" else "B") + cursor[i + 1 :]
        is_problem(api.call("GET", "/v1/feed", {"cursor": altered}), 400, "cursor")
    for cut in (1, 8, 20, len(cursor) - 1):
        is_problem(api.call("GET", "/v1/feed", {"cursor": cursor[:-cut]}), 400, "cursor")
    stranger = api.call("GET", "/v1/feed", {"cursor": cursor}, claims={"sub": OTHER})
    is_problem(stranger, 400, "cursor")
    another = {"cursor": cursor, "session_id": str(uuid4())}
    is_problem(api.call("GET", "/v1/feed", another), 400, "cursor")
    assert api.call("GET", "/v1/feed", {"cursor": cursor}).status == 200


def test_a_cursor_of_any_length_is_named(api: Api) -> None:
    is_problem(api.call("GET", "/v1/feed", {"cursor": "A" * 10_240}), 400, "cursor")


@pytest.mark.parametrize("sub", ["", "no-uuid", "1", "' OR 1=1 --", None])
def test_a_sub_that_is_no_uuid_is_no_viewer(api: Api, sub: object) -> None:
    is_problem(api.call("GET", "/v1/feed", claims={"sub": sub}), 401)


def test_speaking_for_another_viewer_is_forbidden(api: Api) -> None:
    is_problem(api.call("GET", "/v1/feed", {"user_id": OTHER}), 403)
    assert api.call("GET", "/v1/feed", {"user_id": VIEWER}).status == 200
    is_problem(api.impressions([api.row()], user_id=OTHER), 403)
    assert api.stored() == 0
    assert api.impressions([api.row()], user_id=VIEWER).body["accepted"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/feed"),
        ("GET", "/v1/me/data"),
        ("DELETE", "/v1/me"),
        ("DELETE", "/v1/me/history"),
    ],
)
def test_nothing_is_done_to_the_caller_whose_body_names_another_viewer(
    api: Api, method: str, path: str
) -> None:
    api.impressions([api.row()])
    is_problem(api.call(method, path, body={"user_id": OTHER}), 403)
    assert api.stored() == 1
    assert api.call(method, path, body={"user_id": VIEWER}).status == 200


@pytest.mark.parametrize("named", ["bob", 5, [VIEWER], ""])
def test_a_user_id_that_is_no_uuid_is_somebody_else_too(api: Api, named: object) -> None:
    is_problem(api.impressions([], user_id=named), 403)


def test_an_unknown_route_is_a_problem_too(api: Api) -> None:
    is_problem(api.call("GET", "/v1/nothing"), 404)


def test_impressions_are_recorded_once(api: Api) -> None:
    rows = [api.row(), api.row()]
    assert api.impressions(rows).body == {"accepted": 2, "duplicates": 0, "rejected": []}
    again = api.impressions([*rows, rows[0], api.row()]).body
    assert again == {"accepted": 1, "duplicates": 3, "rejected": []}
    assert api.stored() == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": "x"}, "event_id"),
        ({"post_id": str(uuid4())}, "post_id"),
        ({"post_id": None}, "post_id"),
        ({"source": "magic"}, "source"),
        ({"position": -1}, "position"),
        ({"position": 50}, "position"),
        ({"position": "3"}, "position"),
        ({"visible_ms": -1}, "visible_ms"),
        ({"visible_ms": 499}, "visible_ms"),
        ({"visible_ms": 10**30}, "visible_ms"),
        ({"visible_ms": True}, "visible_ms"),
        ({"seen_at": "yesterday"}, "seen_at"),
        ({"seen_at": 1_700_000_000}, "seen_at"),
        ({"seen_at": "2026-01-01T00:00:00"}, "seen_at"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_bad_row_is_rejected_by_name_and_the_others_are_kept(
    api: Api, change: dict[str, Any], field: str
) -> None:
    answer = api.impressions([api.row(), api.row(**change), api.row()])
    assert answer.status == 200
    assert (answer.body["accepted"], answer.body["duplicates"]) == (2, 0)
    ((index, reason),) = [(r["index"], r["reason"]) for r in answer.body["rejected"]]
    assert index == 1
    assert reason.startswith(f"{field}: ")
    assert api.stored() == 2


@pytest.mark.parametrize(
    "seen_at",
    [
        "2025-11-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "0571-02-24T14:33:53-16:17",
    ],
)
def test_an_impression_of_any_time_is_kept(api: Api, seen_at: str) -> None:
    answer = api.impressions([api.row(seen_at=seen_at), api.row()])
    assert answer.body == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert api.stored() == 2


@pytest.mark.parametrize("row", [None, 1, "x", [], [[]], {}])
def test_a_row_that_is_no_row_is_rejected(api: Api, row: object) -> None:
    answer = api.impressions([row, api.row()])
    assert [r["index"] for r in answer.body["rejected"]] == [0]
    assert api.stored() == 1


def test_a_batch_is_of_1_to_100_rows(api: Api) -> None:
    is_problem(api.impressions([]), 400, "impressions")
    is_problem(api.impressions([api.row() for _ in range(101)]), 400, "impressions")
    assert api.stored() == 0
    assert api.impressions([api.row() for _ in range(100)]).body["accepted"] == 100


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "session_id"),
        ({"session_id": "x", "impressions": [1]}, "session_id"),
        ({"session_id": VIEWER, "impressions": {"0": 1}}, "impressions"),
        ({"session_id": VIEWER, "impressions": [1], "extra": 1}, "extra"),
        ([], "body"),
        ("text", "body"),
        (17, "body"),
    ],
)
def test_a_bad_body_is_a_problem_that_names_the_field(api: Api, body: object, field: str) -> None:
    answer = api.call("POST", "/v1/impressions", body=body)
    assert field in answer.fields
    is_problem(answer, 400, *answer.fields)


@pytest.mark.parametrize(
    ("raw", "encoded"),
    [
        ("", False),
        ("{", False),
        ("null", False),
        ("NaN", False),
        ("[" * 100_000, False),
        ('{"a":' * 50_000, False),
        ("\ud800", False),
        ("%%%", True),
        (base64.b64encode(b"\xff\xfe{}").decode(), True),
        (base64.b64encode(b'{"session_id": "\xc3\x28"}').decode(), True),
        ("x" * 6_000_000, False),
    ],
)
def test_a_body_that_is_no_json_is_a_problem(api: Api, raw: str, encoded: bool) -> None:  # noqa: FBT001
    is_problem(api.call("POST", "/v1/impressions", raw=raw, encoded=encoded), 400, "body")


def test_a_base64_body_is_read(api: Api) -> None:
    body = json.dumps({"session_id": str(uuid4()), "impressions": [api.row()]})
    raw = base64.b64encode(body.encode()).decode()
    answer = api.call("POST", "/v1/impressions", raw=raw, encoded=True)
    assert answer.body["accepted"] == 1


def test_without_postgres_nothing_is_acknowledged(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [api.row()]
    monkeypatch.setenv("DATABASE_URL", "postgresql://vroom_app@127.0.0.1:9/vroom")
    app.container.cache_clear()
    answer = api.impressions(rows)
    is_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    is_problem(api.call("GET", "/v1/feed"), 503)


def test_missing_settings_are_named_at_cold_start(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.delenv("CURSOR_SECRET")
        broken.setenv("REPEAT_COOLDOWN_DAYS", "soon")
        app.container.cache_clear()
        with pytest.raises(SettingsError, match=r"CURSOR_SECRET.*REPEAT_COOLDOWN_DAYS"):
            app.container()
        answer = api.call("GET", "/v1/feed")
        is_problem(answer, 500)
        assert "CURSOR" not in json.dumps(answer.body)


def test_a_caption_reaches_clients_as_text(api: Api) -> None:
    caption = '<script>alert(1)</script> "quoted" \u202e עברית 😀\n\\'
    (post,) = api.feed.add_posts(1)
    api.feed.execute(
        "UPDATE posts SET caption = %s, tags = %s WHERE id = %s", caption, ["a,b", "'"], post
    )
    (shown,) = api.call("GET", "/v1/feed").body["posts"]
    assert (shown["caption"], shown["tags"]) == (caption, ["a,b", "'"])
