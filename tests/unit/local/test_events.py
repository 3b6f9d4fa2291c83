from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.gateway.answers import MalformedAnswerError, read_answer
from local.gateway.events import HttpRequest, build_event
from local.gateway.template import Route

ROUTE = Route("GET", "/v1/uploads/{post_id}", "F", authorized=True)
NOW = datetime(2020, 3, 12, 19, 3, 58, 390_000, tzinfo=UTC)


def event_of(
    request: HttpRequest,
    path_parameters: dict[str, str] | None = None,
    claims: dict[str, str] | None = None,
) -> dict[str, Any]:
    parameters = path_parameters or {}
    return build_event(request, ROUTE, parameters, request_id="id-1", now=NOW, claims=claims)


def get(path: str = "/v1/uploads/7", query: str = "", *headers: tuple[str, str]) -> HttpRequest:
    return HttpRequest("GET", path, query, headers)


def post(body: bytes, *headers: tuple[str, str]) -> HttpRequest:
    return HttpRequest("POST", "/v1/uploads", "", headers, body)


def test_a_plain_request_becomes_the_whole_event() -> None:
    request = get("/v1/uploads/7", "", ("Host", "api.example.com:8787"), ("User-Agent", "phone"))
    assert event_of(request) == {
        "version": "2.0",
        "routeKey": "GET /v1/uploads/{post_id}",
        "rawPath": "/v1/uploads/7",
        "rawQueryString": "",
        "headers": {
            "host": "api.example.com:8787",
            "user-agent": "phone",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": "GET",
                "path": "/v1/uploads/7",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "phone",
            },
            "requestId": "id-1",
            "routeKey": "GET /v1/uploads/{post_id}",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1584039838390,
        },
        "isBase64Encoded": False,
    }


def test_claims_stand_where_the_jwt_authorizer_puts_them() -> None:
    context = event_of(get(), claims={"sub": "7"})["requestContext"]
    assert context["authorizer"] == {"jwt": {"claims": {"sub": "7"}, "scopes": None}}


def test_header_names_are_lowered_and_repeated_ones_joined() -> None:
    headers = event_of(get("/", "", ("X-A", "1"), ("x-a", "2"), ("X-B", "3")))["headers"]
    assert (headers["x-a"], headers["x-b"]) == ("1,2", "3")


def test_cookies_leave_the_headers_for_a_list() -> None:
    event = event_of(get("/", "", ("Cookie", "a=1; b=2"), ("cookie", "c=3;")))
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in event["headers"]


def test_repeated_query_keys_are_joined_and_the_raw_query_stays() -> None:
    event = event_of(get("/", "a=1&a=2&b=&c=x%20y%26+z"))
    assert event["queryStringParameters"] == {"a": "1,2", "b": "", "c": "x y& z"}
    assert event["rawQueryString"] == "a=1&a=2&b=&c=x%20y%26+z"


def test_the_path_comes_decoded() -> None:
    assert event_of(get("/v1/uploads/a%20b%3F"))["rawPath"] == "/v1/uploads/a b?"


def test_path_parameters_are_there_only_where_the_route_has_some() -> None:
    assert event_of(get(), path_parameters={"post_id": "7"})["pathParameters"] == {"post_id": "7"}
    assert "pathParameters" not in event_of(get())


def test_a_client_cannot_choose_its_address_or_scheme() -> None:
    forged = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-Proto", "http")]
    event = event_of(get("/", "", *forged))
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-for"] == "1.1.1.1,127.0.0.1"
    assert event["headers"]["x-forwarded-proto"] == "https"


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "Application/JSON; charset=utf-8", "text/plain", "application/xml"],
)
def test_text_travels_as_text(media_type: str) -> None:
    event = event_of(post('{"a": "ü"}'.encode(), ("Content-Type", media_type)))
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": "ü"}', False)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "application/octet-stream")],
        [("content-type", "application/x-www-form-urlencoded")],
        [("content-type", "application/json"), ("content-encoding", "gzip")],
    ],
)
def test_all_else_travels_as_base64(headers: list[tuple[str, str]]) -> None:
    event = event_of(post(b"abc", *headers))
    assert (event["body"], event["isBase64Encoded"]) == ("YWJj", True)


def test_text_that_is_no_utf8_travels_as_base64() -> None:
    event = event_of(post(b"\xff{}", ("content-type", "application/json")))
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\xff{}", True)


def test_without_a_body_there_is_no_body_member() -> None:
    assert "body" not in event_of(post(b"", ("content-type", "application/json")))


@given(st.binary(min_size=1), st.sampled_from(["application/json", "image/png", ""]))
def test_every_body_can_be_read_back(body: bytes, media_type: str) -> None:
    event = json.loads(json.dumps(event_of(post(body, ("content-type", media_type)))))
    text = event["body"]
    assert body == (base64.b64decode(text) if event["isBase64Encoded"] else text.encode())


@pytest.mark.parametrize(
    ("result", "body"),
    [({"a": 1}, b'{"a": 1}'), ("hello", b"hello"), ([1], b"[1]"), (None, b"null"), (3, b"3")],
)
def test_without_a_status_the_whole_result_is_the_body(result: object, body: bytes) -> None:
    answer = read_answer(result)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers == [("content-type", "application/json")]


def test_an_answer_becomes_http() -> None:
    answer = read_answer(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "application/json", "Retry-After": 3},
            "cookies": ["a=1", "b=2"],
            "body": '{"ü": 1}',
        }
    )
    assert answer.status == 201
    assert answer.body == '{"ü": 1}'.encode()
    assert answer.headers == [
        ("content-type", "application/json"),
        ("retry-after", "3"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]


def test_a_base64_answer_is_decoded_and_a_status_may_be_text() -> None:
    answer = read_answer({"statusCode": "200", "body": "/w==", "isBase64Encoded": True})
    assert (answer.status, answer.body) == (200, b"\xff")


def test_an_answer_without_content_type_is_plain_text() -> None:
    answer = read_answer({"statusCode": 204})
    assert answer.headers == [("content-type", "text/plain;charset=UTF-8")]
    assert answer.body == b""


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": None},
        {"statusCode": "abc"},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": "b\r\nset-cookie: c"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "ü"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": [1]},
        {"statusCode": 200, "body": "***", "isBase64Encoded": True},
    ],
)
def test_a_malformed_answer_is_an_error(result: object) -> None:
    with pytest.raises(MalformedAnswerError):
        read_answer(result)
