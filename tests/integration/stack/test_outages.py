"""A viewer scrolls over HTTP while Postgres, DynamoDB or both stop, and after they return."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from functions.mux_webhook.signature import sign
from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

CATALOGUE = 400


@dataclass
class Client:
    """One viewer's app."""

    stack: Stack
    http: httpx.Client
    cursor: str | None = None
    served: list[str] = field(default_factory=list)

    def get(self, cursor: str | None = None) -> httpx.Response:
        return self.http.get("/v1/feed", params={"cursor": cursor} if cursor else {})

    def next(self) -> dict[str, Any]:
        answer = self.get(self.cursor)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        self.cursor = page["next_cursor"]
        self.served += [post["post_id"] for post in page["posts"]]
        return page

    def records(self, page: dict[str, Any]) -> httpx.Response:
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "source": post["source"],
                "position": post["position"],
                "visible_ms": 1_000,
                "seen_at": datetime.now(UTC).isoformat(),
            }
            for post in page["posts"]
        ]
        body = {"session_id": page["session_id"], "impressions": rows}
        return self.http.post("/v1/impressions", json=body)


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with psycopg.connect(stack.info["admin_database_url"], autocommit=True) as admin:
        admin.execute("DELETE FROM posts")
        admin.execute(
            "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
            " SELECT gen_random_uuid(), gen_random_uuid(), true, 'play' || n, 20000"
            " FROM generate_series(1, %s) n",
            [CATALOGUE],
        )
    headers = {"Authorization": f"Bearer {stack.token(str(uuid4()))}"}
    with httpx.Client(base_url=stack.base_url, headers=headers, timeout=30) as http:
        yield Client(stack, http)


def test_dynamodb_stops_and_returns_in_mid_session(stack: Stack, client: Client) -> None:
    pages = [client.next(), client.next()]
    stack.stop_dynamodb()
    try:
        pages += [client.next() for _ in range(3)]
        assert client.get().json()["degraded"] == "cache"
    finally:
        stack.start_dynamodb()
    pages += [client.next() for _ in range(3)]
    assert [page["degraded"] for page in pages] == [None] * 2 + ["cache"] * 3 + [None] * 3
    assert all(len(page["posts"]) == 12 for page in pages)
    assert len(set(client.served)) == len(client.served)


def test_postgres_stops_and_returns_in_mid_session(stack: Stack, client: Client) -> None:
    first, second = client.next(), client.next()
    assert client.records(first).json()["accepted"] == 12
    stack.stop_postgres()
    try:
        degraded = [client.next(), client.next()]
        refused = client.records(second)
        fresh_session = client.get()
    finally:
        stack.start_postgres()
    assert [page["degraded"] for page in degraded] == ["database"] * 2
    assert all(page["posts"] for page in degraded)
    for answer in (refused, fresh_session):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    assert client.records(second).json()["accepted"] == 12
    assert [client.next()["degraded"] for _ in range(3)] == [None] * 3
    assert len(set(client.served)) == len(client.served)
    with psycopg.connect(stack.info["admin_database_url"]) as admin:
        row = admin.execute(
            "SELECT count(*) FROM user_post_impressions WHERE session_id = %s",
            [first["session_id"]],
        ).fetchone()
    assert row == (24,), "what was acknowledged is there, once"


def test_with_both_gone_viewers_are_told_to_come_back(stack: Stack, client: Client) -> None:
    client.next()
    stack.stop_dynamodb()
    stack.stop_postgres()
    try:
        answers = [client.get(client.cursor), client.get()]
    finally:
        stack.start_postgres()
        stack.start_dynamodb()
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["request_id"]
    assert client.next()["degraded"] is None
    assert len(set(client.served)) == len(client.served) == 24


@contextmanager
def read_only(stack: Stack) -> Iterator[None]:
    """A server on which nothing can be written, as after its demotion."""
    stack.set_read_only(read_only=True)
    try:
        yield
    finally:
        stack.set_read_only(read_only=False)


def test_a_server_that_turned_read_only_counts_as_gone_and_is_found_again(
    stack: Stack, client: Client
) -> None:
    first, second = client.next(), client.next()
    assert client.records(first).json()["accepted"] == 12
    body = json.dumps({"id": str(uuid4()), "type": "video.asset.deleted", "data": {"id": "none"}})
    secret = stack.info["mux_webhook_secret"]

    def deliver() -> httpx.Response:
        signature = sign(secret, body.encode(), int(time.time()))
        return client.http.post(
            "/v1/webhooks/mux", content=body, headers={"mux-signature": signature}
        )

    with read_only(stack):
        degraded = client.next()
        refused = [client.records(second), client.get(), deliver()]
        refused.append(
            client.http.post(
                "/v1/feedback",
                json={"action": "not_interested", "post_id": second["posts"][0]["post_id"]},
            )
        )
        with pytest.raises(StackError, match="DatabaseUnavailableError"):
            stack.invoke("mux_webhook", {"source": "aws.scheduler"})
    assert degraded["degraded"] == "database"
    assert degraded["posts"]
    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
    assert client.records(second).json()["accepted"] == 12
    assert client.next()["degraded"] is None
    assert deliver().status_code == 200
    assert stack.invoke("mux_webhook", {"source": "aws.scheduler"})
    assert len(set(client.served)) == len(client.served)
