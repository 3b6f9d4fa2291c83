"""Feedback, export and erasure by their routes, with everything that clients get wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.feed_ranker import app
from tests.unit.shared.http_events import OTHER, VIEWER, Context, event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.feed.harness import Harness

POST = "33333333-3333-4333-8333-333333333333"
EVERY_ROUTE = [
    ("POST", "/v1/feedback"),
    ("GET", "/v1/me/data"),
    ("DELETE", "/v1/me"),
    ("DELETE", "/v1/me/history"),
]


@pytest.fixture
def stack(feed: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    for name, value in feed.environ.items():
        monkeypatch.setenv(name, value)
    app.container.cache_clear()
    yield feed
    app.container().database.close()
    app.container.cache_clear()


def call(method: str, path: str, body: object = None, **more: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    context = Context(aws_request_id=str(uuid4()))
    answer = app.lambda_handler(event(method, path, body=text, **more), context)  # type: ignore[arg-type]  # what the handler reads of one
    return answer["statusCode"], json.loads(answer["body"])


def given(feed: Harness) -> int:
    row = feed.admin.execute("SELECT count(*) FROM feedback").fetchone()
    return int(row[0]) if row else -1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "body"),
        ("[]", "body"),
        ("{", "body"),
        ('{"action": "report"}', "creator_id"),
        ({"post_id": POST}, "action"),
        ({"action": "like", "post_id": POST}, "action"),
        ({"action": None, "post_id": POST}, "action"),
        ({"action": ["report"], "post_id": POST}, "action"),
        ({"action": "report", "post_id": "no-uuid"}, "post_id"),
        ({"action": "report", "post_id": 7}, "post_id"),
        ({"action": "report", "post_id": {"$ne": None}}, "post_id"),
        ({"action": "report", "post_id": "\u0000"}, "post_id"),
        ({"action": "report", "post_id": "'; DROP TABLE posts; --"}, "post_id"),
        ({"action": "report", "post_id": POST, "creator_id": POST}, "creator_id"),
        ({"action": "hide_creator"}, "creator_id"),
        ({"action": "hide_creator", "creator_id": "x"}, "creator_id"),
        ({"action": "not_interested", "creator_id": POST}, "creator_id"),
        ({"action": "not_interested", "post_id": None}, "creator_id"),
        ({"action": "report", "post_id": POST, "undo": "true"}, "undo"),
        ({"action": "report", "post_id": POST, "undo": 1}, "undo"),
        ({"action": "report", "post_id": POST, "undo": None}, "undo"),
        ({"action": "report", "post_id": POST, "reason": "spam"}, "reason"),
    ],
)
def test_a_bad_body_is_refused_and_its_field_named(
    stack: Harness, body: object, field: str
) -> None:
    status, problem = call("POST", "/v1/feedback", body)
    assert status == 400
    assert field in {error["field"] for error in problem["errors"]}
    assert not any(leak in json.dumps(problem) for leak in ("DROP", "SELECT", "psycopg", "$ne"))
    assert given(stack) == 0


def test_feedback_is_answered_with_what_it_is_about(stack: Harness) -> None:
    (post,) = stack.add_posts(1)
    creator = "00000000-0000-0000-0000-000000002710"
    for action, about in (
        ("not_interested", {"post_id": str(post)}),
        ("hide_creator", {"post_id": str(post)}),
        ("hide_creator", {"creator_id": creator}),
        ("report", {"post_id": str(post)}),
        ("report", {"creator_id": creator}),
    ):
        for undo in (False, False, True, True):
            answer = call("POST", "/v1/feedback", {"action": action, "undo": undo, **about})
            assert answer == (
                200,
                {
                    "action": action,
                    "post_id": about.get("post_id"),
                    "creator_id": creator,
                    "undone": undo,
                },
            )
    assert given(stack) == 4


def test_feedback_about_an_unknown_post_is_not_found(stack: Harness) -> None:
    for undo in (False, True):
        status, problem = call(
            "POST", "/v1/feedback", {"action": "report", "post_id": POST, "undo": undo}
        )
        assert (status, problem["status"]) == (404, 404)
    assert given(stack) == 0


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_nobody_speaks_for_another_viewer(stack: Harness, method: str, path: str) -> None:
    (post,) = stack.add_posts(1)
    body = {"action": "report", "post_id": str(post)} if method == "POST" else None
    assert call(method, path, body, query={"user_id": str(OTHER)})[0] == 403
    assert call(method, path, body, claims={})[0] == 401
    assert call(method, path, body, claims={"sub": "no-uuid"})[0] == 401
    for other in (str(OTHER), "x") if body else ():
        assert call(method, path, {**(body or {}), "user_id": other})[0] == 403
    assert given(stack) == 0
    assert call(method, path, body, query={"user_id": str(VIEWER)})[0] == 200


def test_a_viewer_reads_resets_and_erases_their_own_data_by_the_routes(stack: Harness) -> None:
    posts = stack.add_posts(20)
    stack.sees(VIEWER, posts[:5])
    stack.sees(OTHER, posts[:3])
    call("POST", "/v1/feedback", {"action": "report", "post_id": str(posts[0])})
    status, found = call("GET", "/v1/me/data")
    assert status == 200
    assert found["tables"]["user_post_impressions"]["total"] == 5
    assert len(found["tables"]["feedback"]["rows"]) == 1
    status, done = call("DELETE", "/v1/me/history")
    assert (status, done["complete"]) == (200, True)
    assert done["erased"]["user_post_impressions"] == 5
    status, done = call("DELETE", "/v1/me")
    assert (status, done["complete"], done["erased"]["feedback"]) == (200, True, 1)
    assert call("DELETE", "/v1/me") == (200, {"erased": {}, "complete": True})
    assert given(stack) == 0
    others = stack.admin.execute("SELECT count(*) FROM user_post_impressions").fetchone()
    assert others == (3,)
