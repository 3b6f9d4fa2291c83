"""What handlers return, turned into HTTP as API Gateway's HTTP API does (payload 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any


class MalformedAnswerError(Exception):
    """A function's answer that API Gateway can't turn into HTTP."""


@dataclass(frozen=True)
class HttpAnswer:
    """What goes back over the wire; header names may repeat."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def read_answer(result: Any) -> HttpAnswer:  # noqa: ANN401  (whatever the handler returned)
    """Turns what a handler returned into HTTP.

    Without a `statusCode` the whole value is the body: 200, `application/json`.

    Raises:
        MalformedAnswerError: it has a `statusCode`, but not the format that goes with it.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result)
        return HttpAnswer(200, [("content-type", "application/json")], text.encode())
    status = _status(result["statusCode"])
    headers = [(name.lower(), text) for name, text in _headers(result.get("headers"))]
    if all(name != "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    cookies = result.get("cookies") or []
    if not isinstance(cookies, list) or not all(isinstance(cookie, str) for cookie in cookies):
        raise MalformedAnswerError("cookies is no list of strings")
    headers += [("set-cookie", cookie) for cookie in cookies]
    for _, value in headers:
        if re.search(r"[\r\n\0]", value) or not value.isascii():
            raise MalformedAnswerError("a header's value has characters that HTTP does not allow")
    body = result.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise MalformedAnswerError("body is no string")
    if not result.get("isBase64Encoded"):
        return HttpAnswer(status, headers, body.encode("utf-8", errors="replace"))
    try:
        return HttpAnswer(status, headers, base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError) as error:
        raise MalformedAnswerError("body is not base64") from error


def _status(value: Any) -> int:  # noqa: ANN401  (whatever the handler returned)
    try:
        status = int(value) if isinstance(value, (int, str)) and value is not True else 0
    except ValueError:
        status = 0
    if not 200 <= status <= 599:  # noqa: PLR2004  (HTTP's final statuses)
        raise MalformedAnswerError("statusCode is no HTTP status")
    return status


def _headers(value: Any) -> list[tuple[str, str]]:  # noqa: ANN401  (whatever the handler returned)
    if value is None:
        return []
    if not isinstance(value, dict):
        raise MalformedAnswerError("headers is no object")
    pairs = []
    for name, content in value.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise MalformedAnswerError("a header's name has characters that HTTP does not allow")
        if isinstance(content, (dict, list)) or content is None:
            raise MalformedAnswerError(f"the header {name} is no string")
        pairs.append((name, content if isinstance(content, str) else json.dumps(content)))
    return pairs
