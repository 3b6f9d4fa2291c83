"""A viewer's app: the HTTP API as one viewer uses it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from local.demo.answers import Page
from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import httpx

    from local.demo.answers import Post

VISIBLE_MS = 1_800
MAX_BATCH = 100
_CHUNK = 256 * 1024
_RESUME = 308


class Viewer:
    """One viewer with a token of the local gateway.

    Args:
        http: A client whose base URL is the gateway; several threads may share it.
        viewer_id: Who; by default somebody new.

    Attributes:
        id: Who.
        acknowledged: Posts whose impressions were answered as accepted.
    """

    def __init__(self, http: httpx.Client, viewer_id: UUID | None = None) -> None:
        self.id = viewer_id or uuid4()
        self.acknowledged: set[UUID] = set()
        self._http = http
        answer = http.post("/dev/token", json={"user_id": str(self.id)})
        token = expect(answer, HTTPStatus.OK)["token"]
        self._headers = {"authorization": f"Bearer {token}"}

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Send a request as this viewer."""
        headers = self._headers | options.pop("headers", {})
        return self._http.request(method, path, headers=headers, **options)

    def try_feed(self, session: UUID, cursor: str | None, page_size: int) -> httpx.Response:
        """Ask for a page of a session, whatever the answer; no cursor = its first."""
        query = {"session_id": str(session), "page_size": page_size, "timezone": "Europe/Berlin"}
        return self.request(
            "GET", "/v1/feed", params=query | ({"cursor": cursor} if cursor else {})
        )

    def feed(self, session: UUID, cursor: str | None, page_size: int) -> Page:
        """A page of a session.

        Raises:
            StackError: The answer is no page.
        """
        answer = expect(self.try_feed(session, cursor, page_size), HTTPStatus.OK)
        try:
            return Page.parse(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise StackError(f"the feed's answer is no page: {error!r}") from error

    def saw(
        self, session: UUID, posts: Sequence[tuple[UUID, str, int]], at: Sequence[datetime]
    ) -> dict[str, Any]:
        """Record impressions.

        Args:
            session: Of which session.
            posts: Each post with its source and position; at most 100.
            at: When each was seen.

        Raises:
            StackError: The batch was refused.
        """
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": str(post_id),
                "source": source,
                "position": position,
                "visible_ms": VISIBLE_MS,
                "seen_at": seen_at.isoformat(),
            }
            for (post_id, source, position), seen_at in zip(posts, at, strict=True)
        ]
        body = {"session_id": str(session), "impressions": rows}
        answer = expect(self.request("POST", "/v1/impressions", json=body), HTTPStatus.OK)
        rejected = {row["index"] for row in answer["rejected"]}
        self.acknowledged |= {p for i, (p, _, _) in enumerate(posts) if i not in rejected}
        return answer

    def watched(self, posts: Sequence[Post]) -> dict[str, Any] | None:
        """Record how far posts were watched; None where there is no such route.

        Raises:
            StackError: The batch was refused.
        """
        events = [
            {
                "event_id": str(uuid4()),
                "post_id": str(post.post_id),
                "play_ms": round(post.duration_ms * (0.9 - 0.05 * post.position)),
                "duration_ms": post.duration_ms,
                "liked": post.position % 5 == 0,
                "commented": False,
                "shared": post.position == 1,
            }
            for post in posts
        ]
        answer = self.request("POST", "/v1/watch-progress", json={"events": events})
        return None if answer.status_code == HTTPStatus.NOT_FOUND else expect(answer, HTTPStatus.OK)

    def create_upload(self, path: Path, caption: str, tags: list[str], ms: int) -> dict[str, Any]:
        """Announce a file of `ms` milliseconds.

        Raises:
            StackError: It was refused.
        """
        body = {
            "content": {"caption": caption, "tags": tags},
            "size_bytes": path.stat().st_size,
            "duration_ms": ms,
            "max_resolution_tier": "1080p",
        }
        return expect(self.request("POST", "/v1/uploads", json=body), HTTPStatus.CREATED)

    def upload_state(self, post_id: UUID) -> dict[str, Any]:
        """How far an upload is.

        Raises:
            StackError: It is not this viewer's.
        """
        return expect(self.request("GET", f"/v1/uploads/{post_id}"), HTTPStatus.OK)


def send_in_chunks(http: httpx.Client, url: str, path: Path) -> int:
    """Send a file by resumable PUTs, each from where the server says it is; return their number.

    Raises:
        StackError: The server takes no more.
    """
    data = path.read_bytes()
    start = chunks = 0
    while True:
        chunk = data[start : start + _CHUNK]
        span = f"bytes {start}-{start + len(chunk) - 1}/{len(data)}"
        answer = http.put(url, content=chunk, headers={"content-range": span})
        chunks += 1
        if answer.status_code != _RESUME:
            if not answer.is_success:
                raise StackError(f"the upload ended with {answer.status_code} {answer.text}")
            return chunks
        reached = int(answer.headers.get("range", "bytes=0--1").rpartition("-")[2]) + 1
        if reached <= start:
            raise StackError(f"the upload does not get beyond byte {start}")
        start = reached


def expect(answer: httpx.Response, status: HTTPStatus) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        StackError: Its status is another.
    """
    if answer.status_code != status:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise StackError(f"{asked} answered {answer.status_code}: {answer.text}")
    document: dict[str, Any] = answer.json()
    return document
