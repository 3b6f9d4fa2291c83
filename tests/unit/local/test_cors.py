from __future__ import annotations

import pytest

from local.gateway.answers import HttpAnswer
from local.gateway.cors import Cors, read_cors
from local.gateway.events import HttpRequest
from local.gateway.template import load_template
from local.paths import TEMPLATE


def request(method: str = "GET", **headers: str) -> HttpRequest:
    return HttpRequest(
        method=method,
        raw_path="/v1/feed",
        raw_query="",
        headers=list(headers.items()),
        source_ip="127.0.0.1",
        protocol="HTTP/1.1",
    )


def cors(*origins: str) -> Cors:
    return Cors(origins, ("GET",), ("authorization",), ("retry-after",), 60)


@pytest.mark.parametrize(
    ("allowed", "origin", "told"),
    [
        ("https://a.example", "https://a.example", "https://a.example"),
        ("https://a.example", "https://b.example", None),
        ("*", "https://b.example", "*"),
        ("https://*", "https://b.example", "https://b.example"),
        ("https://*", "http://b.example", None),
    ],
)
def test_an_origin_is_allowed_by_name_by_scheme_or_with_all(
    allowed: str, origin: str, told: str | None
) -> None:
    answer = cors(allowed).applied(request(origin=origin), HttpAnswer(200, [], b""))
    assert dict(answer.headers).get("access-control-allow-origin") == told


def test_headers_of_cors_that_a_function_sets_do_not_count() -> None:
    own = [("access-control-allow-origin", "*"), ("content-type", "text/plain")]
    answer = cors("https://a.example").applied(request(), HttpAnswer(200, own, b"text"))
    assert answer.headers == [("content-type", "text/plain")]


@pytest.mark.parametrize("asked", [request("GET", origin="https://a.example"), request("OPTIONS")])
def test_only_options_with_an_origin_is_a_preflight(asked: HttpRequest) -> None:
    assert cors("*").preflight(asked) is None


def test_the_template_s_origins_are_those_of_its_parameter() -> None:
    none = load_template(TEMPLATE, {}).cors
    two = load_template(TEMPLATE, {"CorsOrigins": "https://a.example,https://b.example"}).cors
    assert none is None
    assert two
    assert two.origins == ("https://a.example", "https://b.example")
    assert {"authorization", "idempotency-key"} <= set(two.request_headers)
    # The client reads these: how long it is to wait, and by how much its clock is wrong.
    assert {"date", "retry-after"} <= set(two.exposed_headers)
    assert two.max_age_s == 86400


@pytest.mark.parametrize("configuration", [None, True, {}, {"AllowOrigins": []}])
def test_without_origins_there_is_no_cors(configuration: object) -> None:
    assert read_cors(configuration, {}) is None
