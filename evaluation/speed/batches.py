"""Measurements of what viewers and Mux send: batches of 100 rows, and webhooks."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from evaluation.percentiles import mean, percentile, spread
from evaluation.speed.personas import viewer_id
from functions.mux_webhook import signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    import psycopg

    from evaluation.speed.costs import Meter
    from evaluation.speed.functions import Functions, Invocation

BATCH = 100
_COUNTED = 10
_VIEWERS = 20
_WEBHOOK = "/v1/webhooks/mux"


class LostRowsError(Exception):
    """Rows of a batch were not accepted, so that its figures would mean nothing."""


class Senders:
    """The requests that clients and Mux send.

    Args:
        functions: The handlers.
        posts: The ids that batches name. There are at least as many as a batch has rows.
        secret: The secret with which webhooks are signed.
        begin_upload: Makes an upload that waits for its file. It returns the ids of the post and
            of the Mux upload.
    """

    def __init__(
        self,
        functions: Functions,
        posts: Sequence[UUID],
        secret: str,
        begin_upload: Callable[[], tuple[UUID, str]],
    ) -> None:
        self._functions = functions
        self._posts = posts
        self._secret = secret
        self._begin_upload = begin_upload
        self._turn = 0

    def impressions(self) -> Invocation:
        """Send a batch of impressions of posts that the viewer has not seen."""
        now = datetime.now(UTC).isoformat()
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": str(post),
                "source": "trending",
                "position": n % 12,
                "visible_ms": 2_000,
                "seen_at": now,
            }
            for n, post in enumerate(self._next_posts())
        ]
        body = {"session_id": str(uuid4()), "impressions": rows}
        return self._send("/v1/impressions", body)

    def watch_progress(self) -> Invocation:
        """Send a batch of watches."""
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": str(post),
                "play_ms": 1_000 * (n % 30),
                "duration_ms": 30_000,
                "liked": n % 20 == 0,
                "commented": False,
                "shared": n % 50 == 0,
            }
            for n, post in enumerate(self._next_posts())
        ]
        return self._send("/v1/watch-progress", {"events": rows})

    def webhook(self) -> Invocation:
        """Send the event that makes an uploaded post ready."""
        post, upload = self._begin_upload()
        event = {
            "type": "video.asset.ready",
            "id": str(uuid4()),
            "data": {
                "id": uuid4().hex,
                "upload_id": upload,
                "status": "ready",
                "duration": 21.5,
                "aspect_ratio": "9:16",
                "passthrough": str(post),
                "playback_ids": [{"id": uuid4().hex, "policy": "public"}],
                "tracks": [{"type": "video", "max_width": 1080, "max_height": 1920}],
            },
        }
        body = json.dumps(event).encode()
        headers = {"mux-signature": signature.sign(self._secret, body, int(time.time()))}
        answered = self._functions.post(_WEBHOOK, body, headers=headers)
        if answered.body["status"] != "received":
            raise LostRowsError(f"a webhook was answered {answered.body}")
        return answered

    def _next_posts(self) -> list[UUID]:
        self._turn += 1
        start = self._turn * BATCH
        return [self._posts[(start + n) % len(self._posts)] for n in range(BATCH)]

    def _send(self, path: str, body: dict[str, Any]) -> Invocation:
        viewer = viewer_id("batches", self._turn % _VIEWERS)
        answered = self._functions.post(path, json.dumps(body).encode(), viewer)
        if answered.body["accepted"] != BATCH:
            raise LostRowsError(f"{path} was answered {answered.body}")
        return answered


def measure(
    functions: Functions,
    meter: Meter,
    senders: Senders,
    rounds: Callable[[str], Iterable[object]],
) -> dict[str, Any]:
    """Measure the latency, the rate and the costs of each kind of request.

    Args:
        functions: The handlers.
        meter: The counters of Postgres.
        senders: The requests that are sent.
        rounds: Returns, for the name of a request, as many items as there are requests to measure.
    """
    kinds = {
        "impressions": (senders.impressions, "feed_ranker", BATCH),
        "watch_progress": (senders.watch_progress, "feed_ranker", BATCH),
        "webhook": (senders.webhook, "mux_webhook", 1),
    }
    figures = {}
    for name, (send, function, size) in kinds.items():
        for _ in range(3):
            send()
        taken = [send() for _ in rounds(name)]
        wall = [i.wall_ms for i in taken]
        database = functions.database(function)
        work = meter.measure(database, partial(_repeat, send))
        figures[name] = {
            **spread(wall),
            "rows_per_second": round(size * 1e3 / percentile(wall, 50)),
            "cpu_ms": round(percentile([i.cpu_ms for i in taken], 50), 3),
            "round_trips": mean([len(i.calls.postgres) + len(i.calls.dynamodb) for i in taken]),
            "rows_read": work.rows / _COUNTED,
            "buffers": work.buffers / _COUNTED,
        }
    return figures


def _repeat(send: Callable[[], Invocation]) -> None:
    for _ in range(_COUNTED):
        send()


def upload_maker(connection: psycopg.Connection[Any]) -> Callable[[], tuple[UUID, str]]:
    """Return a function that begins uploads as the schema's owner, each by a new creator."""

    def begin() -> tuple[UUID, str]:
        post, creator, upload = uuid4(), uuid4(), uuid4().hex
        connection.execute(
            "SELECT begin_upload(%s, %s, 'a clip', '{bench}', 1000, 21500, '1080p', 180000, 60, 5)",
            [creator, post],
        )
        connection.execute("SELECT confirm_upload(%s, %s, %s)", [creator, post, upload])
        return post, upload

    return begin
