"""The gateway's own errors: RFC 9457 problem documents with API Gateway's `message` member."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from local.gateway.answers import HttpAnswer

# API Gateway's words where they differ from HTTP's.
MESSAGES = {
    HTTPStatus.INTERNAL_SERVER_ERROR: "Internal Server Error",
    HTTPStatus.SERVICE_UNAVAILABLE: "Service Unavailable",
}


def problem(
    status: HTTPStatus,
    detail: str,
    request_id: str,
    *,
    errors: list[dict[str, Any]] | None = None,
) -> HttpAnswer:
    """An error answer.

    Args:
        status: the HTTP status; its phrase is title and message.
        detail: what went wrong, for a person.
        request_id: the id under which logs know the request.
        errors: `{field, message}` per bad input.
    """
    title = MESSAGES.get(status, status.phrase)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": int(status),
        "detail": detail,
        "request_id": request_id,
        "message": title,
    }
    if errors is not None:
        document["errors"] = errors
    headers = [("content-type", "application/problem+json")]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append(("www-authenticate", "Bearer"))
    return HttpAnswer(int(status), headers, json.dumps(document).encode())
