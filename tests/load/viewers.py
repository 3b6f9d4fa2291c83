"""Viewers as Locust drives them: each has a token of the local gateway and scrolls in sessions."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4

from locust import FastHttpUser, between
from locust.exception import ResponseError

from tests.load.checks import Scroll, batch_faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locust.contrib.fasthttp import FastResponse

PAGES_PER_SESSION = 9  # more than a batch of posts
BATCH = 100


def base_url() -> str:
    """Where `make dev` serves: as its stack.json says."""
    stack_json = Path(os.environ.get("STATE_DIR") or ".local") / "stack.json"
    if not stack_json.exists():
        raise SystemExit(
            f"{stack_json} is missing: start the stack first (make dev SEED_POSTS=20000)"
        )
    url: str = json.loads(stack_json.read_text(encoding="utf-8"))["base_url"]
    return url


class Viewer(FastHttpUser):
    """A viewer; what they do is for the locustfiles to say."""

    abstract = True
    host = base_url()
    wait_time = between(0.2, 1.0)  # type: ignore[no-untyped-call]  # Locust's, without types

    def on_start(self) -> None:
        """Become somebody, and begin to scroll."""
        answer = self.ask("POST", "/dev/token", HTTPStatus.OK, {"user_id": str(uuid4())})
        self.client.auth_header = f"Bearer {answer['token']}" if answer else None
        self.scroll = Scroll()
        self.unwanted: set[str] = set()

    def next_page(self) -> None:
        """One page further; a new session after some pages."""
        if self.scroll.pages == PAGES_PER_SESSION:
            self.scroll = Scroll(unwanted=self.unwanted)
        name = "GET /v1/feed, next page" if self.scroll.cursor else "GET /v1/feed, first page"
        path = f"/v1/feed?{urlencode(self.scroll.query())}"
        with self.client.request("GET", path, name=name, catch_response=True) as answer:
            expect(answer, HTTPStatus.OK)
            refuse(self.scroll.take(answer.json()))

    def send_impressions(self, count: int, *, retry: bool = False) -> None:
        """Impressions of the session's posts, at most `count`; with `retry` twice the same."""
        seen_at = datetime.now(UTC).isoformat()
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "source": post["source"],
                "position": post["position"],
                "visible_ms": 1_500,
                "seen_at": seen_at,
            }
            for post in self.scroll.served[-count:]
        ]
        if rows:
            body = {"session_id": self.scroll.session_id, "impressions": rows}
            self._batch("/v1/impressions", body, accepted=len(rows), duplicates=0)
            if retry:
                self._batch("/v1/impressions", body, accepted=0, duplicates=len(rows))

    def send_watches(self, count: int) -> None:
        """Watches of the session's posts, at most `count`."""
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "play_ms": post["duration_ms"] // (1 + n % 3),
                "duration_ms": post["duration_ms"],
                "liked": n % 10 == 0,
                "commented": False,
                "shared": n % 25 == 0,
            }
            for n, post in enumerate(self.scroll.served[-count:])
        ]
        if rows:
            self._batch("/v1/watch-progress", {"events": rows}, accepted=len(rows), duplicates=0)

    def refuse_a_post(self) -> None:
        """Not interested in the last post: it must not come again."""
        if self.scroll.served:
            post = self.scroll.served[-1]["post_id"]
            body = {"action": "not_interested", "post_id": post}
            if self.ask("POST", "/v1/feedback", HTTPStatus.OK, body) is not None:
                self.unwanted.add(post)

    def ask(
        self, method: str, path: str, status: HTTPStatus, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Send JSON; the answer, or None where it is not of this status."""
        with self.client.request(method, path, json=body, catch_response=True) as answer:
            expect(answer, status)
        return dict(answer.json()) if answer.status_code == status else None

    def _batch(self, path: str, body: dict[str, Any], *, accepted: int, duplicates: int) -> None:
        name = f"POST {path}, again" if duplicates else f"POST {path}"
        with self.client.request("POST", path, json=body, name=name, catch_response=True) as answer:
            expect(answer, HTTPStatus.OK)
            refuse(batch_faults(answer.json(), accepted=accepted, duplicates=duplicates))


def expect(answer: FastResponse, status: HTTPStatus) -> None:
    """Let a request count as failed where it was not answered so.

    Raises:
        ResponseError: What Locust takes for a failure.
    """
    if answer.status_code != status:
        raise ResponseError(f"{answer.status_code}: {answer.text}")


def refuse(faults: Sequence[str]) -> None:
    """Let a request count as failed where its answer has faults.

    Raises:
        ResponseError: What Locust takes for a failure.
    """
    if faults:
        raise ResponseError("; ".join(faults))
