"""HTTP requests as API Gateway's HTTP API hands them to Lambda (payload 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from local.services.aws import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from local.gateway.template import Route

API_ID = "local"
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
MAX_EVENT_BYTES = 6 * 1024 * 1024
# HTTP APIs allow request line and header values 10,240 bytes together. Here the line has room of
# its own, so that what a function says of an overlong parameter can be seen.
MAX_HEADER_BYTES = 10_240
MAX_LINE_BYTES = 16 * 1024
# Bodies of these types travel as text, all others (no type at all included) as base64.
TEXT_TYPES = {"application/json", "application/xml", "application/javascript"}
# Hop-by-hop headers are the gateway's own affair.
NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"}


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came over the wire.

    Attributes:
        method: upper case.
        raw_path: still percent-encoded, without the query.
        raw_query: the query as sent, without the question mark.
        headers: names and values in the order sent.
        body: the raw bytes.
        source_ip: the client's address.
        protocol: such as `HTTP/1.1`.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """The path decoded; HTTP APIs match routes on it and pass it on like that."""
        return unquote(self.raw_path)

    def header(self, name: str) -> str | None:
        """A header's value, repeated ones joined by commas; None where it is absent."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


def build_event(
    request: HttpRequest,
    route: Route,
    path_parameters: Mapping[str, str],
    *,
    request_id: str,
    now: datetime,
    claims: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The event for a request.

    Args:
        request: the request.
        route: the route that takes it.
        path_parameters: decoded values of the route's placeholders.
        request_id: API Gateway's id of the request.
        now: when it came, timezone-aware.
        claims: the token's claims as the authorizer passes them on; None without authorizer.
    """
    context = _request_context(request, route, request_id, now)
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": dict(claims), "scopes": None}}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.raw_query,
        "headers": _event_headers(request),
        "requestContext": context,
        "isBase64Encoded": False,
    }
    cookies = _cookies(request)
    if cookies:
        event["cookies"] = cookies
    query = _joined(parse_qsl(request.raw_query, keep_blank_values=True))
    if query:
        event["queryStringParameters"] = query
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if request.body:
        text = _as_text(request)
        event["isBase64Encoded"] = text is None
        event["body"] = base64.b64encode(request.body).decode() if text is None else text
    return event


def _request_context(
    request: HttpRequest, route: Route, request_id: str, now: datetime
) -> dict[str, Any]:
    domain = (request.header("host") or API_ID).split(":")[0]
    return {
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "domainName": domain,
        "domainPrefix": domain.split(".")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent") or "",
        },
        "requestId": request_id,
        "routeKey": route.key,
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S %z"),
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _cookies(request: HttpRequest) -> list[str]:
    return [
        cookie.strip()
        for name, value in request.headers
        if name.lower() == "cookie"
        for cookie in value.split(";")
        if cookie.strip()
    ]


def _event_headers(request: HttpRequest) -> dict[str, str]:
    passed_on = [
        (name.lower(), value)
        for name, value in request.headers
        if name.lower() != "cookie" and name.lower() not in NOT_PASSED_ON
    ]
    # The client is appended to x-forwarded-for; the other two say how it reached API Gateway.
    forwarded = {"x-forwarded-port": "443", "x-forwarded-proto": "https"}
    joined = _joined([*passed_on, ("x-forwarded-for", request.source_ip)]) | forwarded
    if request.body:
        joined.setdefault("content-length", str(len(request.body)))
    return joined


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    together: dict[str, str] = {}
    for name, value in pairs:
        together[name] = f"{together[name]},{value}" if name in together else value
    return together


def _as_text(request: HttpRequest) -> str | None:
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    is_text = media_type.startswith("text/") or media_type in TEXT_TYPES
    if not is_text or request.header("content-encoding") is not None:
        return None
    try:
        return request.body.decode("utf-8")
    except UnicodeDecodeError:
        return None
