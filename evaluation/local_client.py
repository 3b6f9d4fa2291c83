"""Speaks HTTP to a local stack, with as little processor time as can be."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode, urlsplit

from local.page_check import label_faults, page_faults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

PAGE_SIZE = 12
_SUCCESS = range(200, 300)
_TIMEOUT_S = 30.0
_IDLE_S = 2.0


class AnswerError(Exception):
    """The stack answered with an error, or with a page that is not full."""


class LocalClient:
    """One viewer's connection. A context manager.

    Args:
        base_url: The gateway.
        user: The viewer.
    """

    def __init__(self, base_url: str, user: UUID) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=_TIMEOUT_S)
        self._headers = {"content-type": "application/json"}
        self._user = user
        self._used_at = 0.0

    def __enter__(self) -> Self:
        token = self.post("/dev/token", {"user_id": str(self._user)})["token"]
        self._headers["authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def page(self, cursor: str | None = None, session: UUID | None = None) -> dict[str, Any]:
        """Return the first page of a new session, or the page behind a cursor.

        Raises:
            AnswerError: It is not right, such as not full.
        """
        query = {"page_size": str(PAGE_SIZE)}
        query |= {"cursor": cursor} if cursor else {}
        query |= {"session_id": str(session)} if session else {}
        page = self._ask("GET", f"/v1/feed?{urlencode(query, quote_via=quote)}", None)
        posts = page["posts"]
        if faults := page_faults(posts, PAGE_SIZE) + label_faults(posts):
            raise AnswerError(f"a page is not right: {', '.join(faults)}")
        return page

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send JSON, and return the answer.

        Raises:
            AnswerError: It is no success.
        """
        return self._ask("POST", path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        # The gateway closes connections that are idle for a while.
        if time.monotonic() - self._used_at > _IDLE_S:
            self._connection.close()
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used_at = time.monotonic()
        if answer.status not in _SUCCESS:
            raise AnswerError(f"{method} {path} was answered {answer.status}: {content[:200]!r}")
        found: dict[str, Any] = json.loads(content)
        return found
