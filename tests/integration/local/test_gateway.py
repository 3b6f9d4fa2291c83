from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

if TYPE_CHECKING:
    from .conftest import RunningGateway

USER = "6f1f8e9c-6f43-4a4c-9c7a-6a4c8a4d1c11"


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail", "request_id", "message"} <= set(problem)
    return problem


def test_a_request_reaches_the_handler_as_an_event_with_the_viewers_claims(
    gateway: RunningGateway,
) -> None:
    answer = gateway.get("/guarded/a%20b", token=gateway.token(USER), x="1")
    event = answer.json()["event"]
    assert answer.status_code == 200
    assert event["routeKey"] == "GET /guarded/{id}"
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"x": "1"}
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert (claims["sub"], claims["iss"]) == (USER, "https://issuer")
    assert claims["exp"].isdecimal()
    assert event["requestContext"]["requestId"] == answer.headers["apigw-requestid"]


def test_a_route_without_authorizer_needs_no_token_and_has_no_claims(
    gateway: RunningGateway,
) -> None:
    event = gateway.get("/open").json()["event"]
    assert "authorizer" not in event["requestContext"]


def test_an_answer_keeps_its_status_headers_and_cookies(gateway: RunningGateway) -> None:
    answer = gateway.get("/open", do="answer")
    assert (answer.status_code, answer.text) == (201, "made")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_binary_bodies_arrive_as_base64(gateway: RunningGateway) -> None:
    event = httpx.post(f"{gateway.url}/open", content=b"\xff\x00").json()["event"]
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer a.b.c", "Basic dTpw", "Bearer " + "a" * 9000],
)
def test_without_a_good_token_there_is_a_401(gateway: RunningGateway, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = httpx.get(f"{gateway.url}/guarded/1", headers=headers)
    assert problem_of(answer, 401)["message"] == "Unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_expired_token_is_refused(gateway: RunningGateway) -> None:
    answer = gateway.get("/guarded/1", token=gateway.token(expires_in=-10))
    assert problem_of(answer, 401)["detail"] == "the token has expired"


def test_an_unsigned_token_is_refused(gateway: RunningGateway) -> None:
    claims = jwt.decode(gateway.token(), options={"verify_signature": False})
    answer = gateway.get("/guarded/1", token=jwt.encode(claims, "", algorithm="none"))
    problem_of(answer, 401)


def test_two_authorization_headers_are_refused(gateway: RunningGateway) -> None:
    headers = [("authorization", f"Bearer {gateway.token()}")] * 2
    problem_of(httpx.get(f"{gateway.url}/guarded/1", headers=headers), 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/guarded"),
        ("POST", "/guarded/1"),
        ("GET", "/open/"),
        ("FOO", "/x"),
    ],
)
def test_an_unknown_route_is_a_404(gateway: RunningGateway, method: str, path: str) -> None:
    answer = httpx.request(method, f"{gateway.url}{path}")
    assert problem_of(answer, 404)["message"] == "Not Found"


def test_a_handler_that_raises_is_a_500_that_tells_nothing(gateway: RunningGateway) -> None:
    answer = gateway.get("/open", do="raise")
    assert problem_of(answer, 500)["message"] == "Internal Server Error"
    assert "secret" not in answer.text
    assert "secret of the handler" in (gateway.logs / "Echo.log").read_text()


@pytest.mark.parametrize("do", ["malformed", "unserialisable", "large"])
def test_an_answer_that_is_no_http_is_a_500(gateway: RunningGateway, do: str) -> None:
    problem_of(gateway.get("/open", do=do), 500)


def test_a_body_of_more_than_10_mb_is_too_large(gateway: RunningGateway) -> None:
    answer = httpx.post(f"{gateway.url}/open", content=b"x" * (10 * 1024 * 1024 + 1), timeout=30)
    assert problem_of(answer, 413)["detail"] == "the body exceeds 10 MB"


def test_an_event_of_more_than_6_mb_is_too_large(gateway: RunningGateway) -> None:
    fits, too_much = 5_000_000, 6_400_000
    headers = {"content-type": "text/plain"}
    answers = [
        httpx.post(f"{gateway.url}/open", content=b"x" * size, headers=headers, timeout=30)
        for size in (fits, too_much)
    ]
    # The first is echoed back, which is more than 6 MB together with the rest but for the limit.
    assert answers[0].status_code == 200
    assert problem_of(answers[1], 413)["detail"] == "the request exceeds Lambda's 6 MB"


def test_large_headers_are_a_431(gateway: RunningGateway) -> None:
    problem_of(httpx.get(f"{gateway.url}/open", headers={"x": "y" * 10_300}), 431)


def test_a_long_request_line_reaches_the_function_with_its_headers(
    gateway: RunningGateway,
) -> None:
    long = "y" * 10_240
    headers = {"x": "z" * 9_000}
    answer = httpx.get(f"{gateway.url}/open", params={"cursor": long}, headers=headers)
    assert answer.json()["event"]["queryStringParameters"] == {"cursor": long}


def test_a_request_line_of_20_kb_is_a_414(gateway: RunningGateway) -> None:
    answer = httpx.get(f"{gateway.url}/open", params={"cursor": "y" * 20_000})
    assert problem_of(answer, 414)["detail"] == "the request line exceeds 16 kB"


def exchange(gateway: RunningGateway, raw: bytes) -> bytes:
    """All that the gateway answers to these bytes until it closes the connection."""
    address = urlsplit(gateway.url)
    received = b""
    # A server that has seen enough may reset the connection.
    with (
        socket.create_connection((str(address.hostname), address.port or 0), 20) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall(raw)
        while chunk := connection.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET /open HTTP/x\r\n\r\n",
        b"GET /open\x00 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /open HTTP/1.1\r\n\r\n",
        b"POST /open HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /open HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
    ],
    ids=["no HTTP", "version", "NUL", "no host", "length", "encoding"],
)
def test_what_is_no_http_gets_a_clean_error(gateway: RunningGateway, raw: bytes) -> None:
    received = exchange(gateway, raw)
    assert received.startswith(b"HTTP/1.1 4")
    assert b"Traceback" not in received


def test_an_endless_header_is_cut_off_and_harms_nobody(gateway: RunningGateway) -> None:
    received = exchange(gateway, b"GET /open HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 1_000_000)
    assert b"HTTP/1.1 200" not in received
    assert gateway.get("/open").status_code == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(
    gateway: RunningGateway,
) -> None:
    address = urlsplit(gateway.url)
    with socket.create_connection((str(address.hostname), address.port or 0)) as connection:
        connection.sendall(b"POST /open HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab")
    assert gateway.get("/open").status_code == 200
    assert "Traceback" not in (gateway.logs / "gateway.log").read_text()


def test_a_dev_token_opens_the_guarded_route(gateway: RunningGateway) -> None:
    token = httpx.post(f"{gateway.url}/dev/token", json={"user_id": USER}).json()["token"]
    event = gateway.get("/guarded/1", token=token).json()["event"]
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == USER


def test_a_dev_token_may_have_expired(gateway: RunningGateway) -> None:
    wanted = {"user_id": USER, "expires_in": -5}
    token = httpx.post(f"{gateway.url}/dev/token", json=wanted).json()["token"]
    problem_of(gateway.get("/guarded/1", token=token), 401)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"user_id": "7"}', "user_id"),
        (b'{"user_id": null}', "user_id"),
        (b"{}", "user_id"),
        (b'{"user_id": "%s", "expires_in": "soon"}' % USER.encode(), "expires_in"),
        (b'{"user_id": "%s", "expires_in": 1e300}' % USER.encode(), "expires_in"),
        (b'{"user_id": "%s", "sub": "7"}' % USER.encode(), "sub"),
        (b"[]", "body"),
        (b"", "body"),
        (b"\xff", "body"),
        (b"[" * 100_000, "body"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_wish_for_a_token_is_a_400_that_names_the_field(
    gateway: RunningGateway, body: bytes, field: str
) -> None:
    answer = httpx.post(f"{gateway.url}/dev/token", content=body)
    assert [error["field"] for error in problem_of(answer, 400)["errors"]] == [field]


@pytest.mark.parametrize("path", ["/dev/token", "/2015-03-31/functions/Echo/invocations"])
def test_a_web_page_of_another_host_gets_no_dev_route(gateway: RunningGateway, path: str) -> None:
    headers = {"origin": "http://evil.example"}
    answer = httpx.post(f"{gateway.url}{path}", json={"user_id": USER}, headers=headers)
    problem_of(answer, 403)


def test_a_function_can_be_invoked_directly(gateway: RunningGateway) -> None:
    url = f"{gateway.url}/2015-03-31/functions/Echo/invocations"
    event = {"source": "aws.scheduler", "n": [1, None, "ü"]}
    assert httpx.post(url, json=event).json()["event"] == event


def test_a_failed_direct_invocation_says_so_as_lambda_does(gateway: RunningGateway) -> None:
    url = f"{gateway.url}/2015-03-31/functions/Echo/invocations"
    answer = httpx.post(url, json={"queryStringParameters": {"do": "raise"}})
    assert answer.headers["x-amz-function-error"] == "Unhandled"
    assert answer.json()["errorMessage"] == "ValueError: secret of the handler"
    assert httpx.post(url.replace("Echo", "Nobody"), json={}).status_code == 404
    assert httpx.post(url, content=b"{").status_code == 400


def test_a_function_that_cannot_be_imported_harms_itself_only(gateway: RunningGateway) -> None:
    problem_of(gateway.get("/broken"), 500)
    assert gateway.get("/open").status_code == 200
    assert "SETTING is missing" in (gateway.logs / "gateway.log").read_text()


def test_the_answer_without_a_status_is_json(gateway: RunningGateway) -> None:
    answer = gateway.get("/open")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text)["calls"] >= 1


ORIGIN = {"origin": "https://app.example"}


def test_a_preflight_is_answered_on_every_path_and_reaches_no_function(
    gateway: RunningGateway,
) -> None:
    asks = {**ORIGIN, "access-control-request-method": "POST"}
    for path in ("/guarded/7", "/open", "/nowhere"):
        answer = httpx.options(f"{gateway.url}{path}", headers=asks)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["access-control-allow-methods"] == "GET,POST"
        assert answer.headers["access-control-allow-headers"] == "authorization"
        assert answer.headers["access-control-max-age"] == "600"


def test_answers_and_refusals_alike_can_be_read_by_pages_of_a_named_origin(
    gateway: RunningGateway,
) -> None:
    for path, status in (("/open", 200), ("/guarded/7", 401), ("/nowhere", 404)):
        answer = httpx.get(f"{gateway.url}{path}", headers=ORIGIN)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["access-control-expose-headers"] == "retry-after"


@pytest.mark.parametrize("origin", ["https://app.example.evil", "http://app.example", "null", ""])
def test_pages_of_other_origins_can_read_nothing(gateway: RunningGateway, origin: str) -> None:
    for answer in (
        httpx.options(f"{gateway.url}/open", headers={"origin": origin}),
        httpx.get(f"{gateway.url}/open", headers={"origin": origin}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
