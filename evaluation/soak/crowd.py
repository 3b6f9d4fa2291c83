"""Viewers who scroll, report what they watched, and refuse a post now and then."""

from __future__ import annotations

import queue
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from evaluation.local_client import AnswerError, LocalClient

if TYPE_CHECKING:
    from collections.abc import Callable

_SESSION_PAGES = 10
_REFUSED = 0.02  # the share of pages of which a viewer refuses a post
_WORKERS = 32


@dataclass(slots=True)
class Person:
    """A viewer between two steps."""

    client: LocalClient
    session: UUID = field(default_factory=uuid4)
    pages: int = 0
    cursor: str | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    busy: threading.Lock = field(default_factory=threading.Lock)

    def step(self, draw: random.Random) -> dict[str, float]:
        """Report the last page, and ask for the next. Return the milliseconds of each request."""
        taken: dict[str, float] = {}
        if self.seen:
            taken["impressions"] = _timed(self._impressions)
            taken["watch_progress"] = _timed(self._watches)
            if draw.random() < _REFUSED:
                taken["feedback"] = _timed(self._refusal)
        if self.pages == _SESSION_PAGES:
            self.session, self.pages, self.cursor = uuid4(), 0, None
        name = "next page" if self.cursor else "first page"
        taken[name] = _timed(self._page)
        return taken

    def _page(self) -> None:
        page = self.client.page(self.cursor, None if self.cursor else self.session)
        self.cursor, self.seen = page["next_cursor"], page["posts"]
        self.pages += 1

    def _impressions(self) -> None:
        now = datetime.now(UTC).isoformat()
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "source": post["source"],
                "position": post["position"],
                "visible_ms": 1_500,
                "seen_at": now,
            }
            for post in self.seen
        ]
        self._batch("/v1/impressions", {"session_id": str(self.session), "impressions": rows})

    def _watches(self) -> None:
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
            for n, post in enumerate(self.seen)
        ]
        self._batch("/v1/watch-progress", {"events": rows})

    def _refusal(self) -> None:
        body = {"action": "not_interested", "post_id": self.seen[-1]["post_id"]}
        self.client.post("/v1/feedback", body)

    def _batch(self, path: str, body: dict[str, Any]) -> None:
        answer = self.client.post(path, body)
        # A post may have been removed since the page. Any other lost row is a failure.
        if answer["accepted"] + answer["duplicates"] + len(answer["rejected"]) != len(self.seen):
            raise AnswerError(f"{path} was answered {answer}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of the open loop.

    Attributes:
        at_s: The time at which it was due, in seconds since the start.
        kind: The kind of request.
        milliseconds: The milliseconds from the request to the answer.
        late_ms: The milliseconds by which its step began late.
    """

    at_s: float
    kind: str
    milliseconds: float
    late_ms: float


class Crowd:
    """A crowd of viewers, of whom random ones take steps side by side.

    Args:
        base_url: The base URL of the gateway.
        viewers: The number of viewers.
        seed: The seed of all draws.
    """

    def __init__(self, base_url: str, viewers: int, seed: int = 1) -> None:
        self._draw = random.Random(seed)
        self._people = [Person(LocalClient(base_url, uuid4()).__enter__()) for _ in range(viewers)]
        self.samples: list[Sample] = []
        self.errors: list[str] = []

    def capacity(self, seconds: float) -> float:
        """Return the steps per second that a closed loop reaches."""
        until = time.perf_counter() + seconds
        taken = self._run(lambda: 0.0 if time.perf_counter() < until else None, workers=8)
        return taken / seconds

    def run(self, steps_per_second: float, seconds: float) -> int:
        """Take steps at random moments, whether or not earlier ones are done. Return their number.

        Args:
            steps_per_second: The number of steps in a second.
            seconds: The length of the run.
        """
        due = 0.0

        def next_due() -> float | None:
            nonlocal due
            due += self._draw.expovariate(steps_per_second)
            return due if due < seconds else None

        return self._run(next_due, workers=_WORKERS)

    def close(self) -> None:
        """Close the viewers' connections."""
        for person in self._people:
            person.client.__exit__()

    def _run(self, next_due: Callable[[], float | None], workers: int) -> int:
        steps: queue.Queue[float | None] = queue.Queue(maxsize=10_000)
        started = time.perf_counter()
        threads = [
            threading.Thread(target=self._work, args=(steps, started), daemon=True)
            for _ in range(workers)
        ]
        for thread in threads:
            thread.start()
        count = 0
        while (due := next_due()) is not None:
            wait = started + due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            elif not due and steps.qsize() >= workers:
                time.sleep(0.001)  # in a closed loop the next step waits for a free worker
                continue
            steps.put(due)
            count += 1
        for _ in threads:
            steps.put(None)
        for thread in threads:
            thread.join()
        return count

    def _work(self, steps: queue.Queue[float | None], started: float) -> None:
        draw = random.Random(threading.get_ident())
        while (due := steps.get()) is not None:
            person = self._free(draw)
            try:
                late_ms = (time.perf_counter() - started - due) * 1e3 if due else 0.0
                for kind, milliseconds in person.step(draw).items():
                    self.samples.append(Sample(due, kind, milliseconds, late_ms))
            except (AnswerError, OSError, HTTPException) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
            finally:
                person.busy.release()

    def _free(self, draw: random.Random) -> Person:
        while True:
            person = draw.choice(self._people)
            if person.busy.acquire(blocking=False):
                return person


def _timed(act: Callable[[], None]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1e3
