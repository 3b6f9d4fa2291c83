from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    DatabaseUnavailableError,
    FieldProblem,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthorizedError,
)
from shared.http import answer, create_app, request_id
from tests.unit.shared.http_events import Context, event

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response

LEAK = "SELECT secret FROM users WHERE token = 'hunter2'"


class Example:
    """A function with one route, which does what a test says."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.app = create_app(Logger(service="example"))

        @self.app.get("/v1/example")
        def route() -> Response[str]:
            if self.fault:
                raise self.fault
            return answer({"request_id": request_id(self.app), "caption": "é\u202e<b>"})

    def ask(self, fault: Exception | None = None, path: str = "/v1/example") -> dict[str, Any]:
        self.fault = fault
        return self.app.resolve(event(path=path), Context())  # type: ignore[arg-type]  # a stand-in


@pytest.fixture
def example() -> Example:
    return Example()


def header(response: dict[str, Any], name: str) -> str | None:
    headers = {key.lower(): value for key, value in response["headers"].items()}
    value = headers.get(name.lower())
    return None if value is None else str(value)


def test_an_answer_is_json_that_no_shared_cache_may_keep(example: Example) -> None:
    response = example.ask()
    assert response["statusCode"] == 200
    assert header(response, "Content-Type") == "application/json"
    assert header(response, "Cache-Control") == "no-store"
    assert json.loads(response["body"]) == {
        "request_id": Context().aws_request_id,
        "caption": "é\u202e<b>",
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_never_holds_what_json_does_not_know(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        answer({"score": value})


@pytest.mark.parametrize(
    ("fault", "status", "title", "detail"),
    [
        (InvalidInputError(), 400, "Bad Request", "The request is not valid."),
        (UnauthorizedError(), 401, "Unauthorized", "The request carries no valid identity."),
        (ForbiddenError(), 403, "Forbidden", "The request speaks for another viewer."),
        (NotFoundError("No such upload."), 404, "Not Found", "No such upload."),
        (BadRequestError("Odd."), 400, "Bad Request", "Odd."),
        (
            DatabaseUnavailableError(),
            503,
            "Service Unavailable",
            "The database does not answer within its time budget. Try again shortly.",
        ),
        (RuntimeError(LEAK), 500, "Internal Server Error", "The request failed."),
    ],
)
def test_every_error_is_a_problem_document(
    example: Example, fault: Exception, status: int, title: str, detail: str
) -> None:
    response = example.ask(fault)
    document = json.loads(response["body"])
    assert response["statusCode"] == status
    assert header(response, "Content-Type") == "application/problem+json"
    assert header(response, "Cache-Control") == "no-store"
    document.pop("errors", None)
    assert document == {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": Context().aws_request_id,
    }


def test_bad_input_names_every_field(example: Example) -> None:
    fault = InvalidInputError(FieldProblem("page_size", "too big"), FieldProblem("\ud800", "odd"))
    document = json.loads(example.ask(fault)["body"])
    assert document["errors"] == [
        {"field": "page_size", "message": "too big"},
        {"field": "\ud800", "message": "odd"},
    ]


def test_only_bad_input_has_a_list_of_fields(example: Example) -> None:
    assert "errors" not in json.loads(example.ask(NotFoundError())["body"])


def test_an_unavailable_part_says_when_to_try_again(example: Example) -> None:
    assert header(example.ask(DatabaseUnavailableError()), "Retry-After") == "2"
    assert header(example.ask(NotFoundError()), "Retry-After") is None


def test_an_unknown_route_is_a_problem_document_too(example: Example) -> None:
    response = example.ask(path="/v1/elsewhere")
    assert response["statusCode"] == 404
    assert header(response, "Content-Type") == "application/problem+json"
    assert json.loads(response["body"])["status"] == 404


@pytest.mark.parametrize("fault", [RuntimeError(LEAK), DatabaseUnavailableError()])
def test_the_cause_of_a_failure_is_logged_and_never_told(
    example: Example, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    fault.__cause__ = ValueError(LEAK)
    response = example.ask(fault)
    assert "hunter2" not in json.dumps(response)
    assert "Traceback" not in json.dumps(response)
    assert "hunter2" in caplog.text


def test_what_clients_do_wrong_does_not_fill_the_log(
    example: Example, caplog: pytest.LogCaptureFixture
) -> None:
    example.ask(NotFoundError())
    assert caplog.text == ""


PREFIX = st.lists(st.sampled_from(["vroom", "v1", "prod", "example", "a b", "é"]), max_size=4)


@given(PREFIX, st.sampled_from(["$default", "prod", "v1", "vroom"]))
def test_a_route_is_found_below_any_base_path_and_on_any_stage(
    prefix: list[str], stage: str
) -> None:
    app = create_app(Logger(service="example"))
    asked: list[str] = []

    @app.get("/v1/uploads/<post_id>")
    def route(post_id: str) -> Response[str]:
        asked.append(app.current_event.path)
        return answer({"post_id": post_id})

    path = "".join(f"/{part}" for part in [*prefix, "v1", "uploads", "42"])
    raw = {**event(path=path), "routeKey": "GET /v1/uploads/{post_id}"}
    raw["requestContext"]["stage"] = stage
    response = app.resolve(raw, Context())  # type: ignore[arg-type]  # a stand-in
    assert json.loads(response["body"]) == {"post_id": "42"}
    assert asked == ["/v1/uploads/42"]


@pytest.mark.parametrize("key", [None, "$default", "GET /v1/other", "GET"])
def test_a_path_that_is_not_its_route_s_is_taken_as_it_is(
    example: Example, key: str | None
) -> None:
    raw = {**event(), "routeKey": key}
    assert example.app.resolve(raw, Context())["statusCode"] == 200  # type: ignore[arg-type]
    raw = {**event(path="/vroom/v1/example"), "routeKey": key}
    assert example.app.resolve(raw, Context())["statusCode"] == 404  # type: ignore[arg-type]
