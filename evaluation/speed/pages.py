"""Measurements of the first and the next page of a session, each with its floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from evaluation.percentiles import mean, percentile, spread
from evaluation.speed.capacity import dollars
from local.page_check import page_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from evaluation.speed.costs import Meter
    from evaluation.speed.floor import Floor
    from evaluation.speed.functions import Functions, Invocation

PAGE_SIZE = 12
PATH = "/v1/feed"
_WARM_UP = 5
_COUNTED = 20


class BrokenPageError(Exception):
    """A page is not what was promised, so that its figures would mean nothing."""


@dataclass(slots=True)
class Samples:
    """The measurements of one kind of page.

    Attributes:
        invocations: The requests.
        floors_ms: The milliseconds that the bare calls of each request took, right after it.
        rows: The mean number of rows that Postgres read for a page.
        buffers: The mean number of blocks that Postgres touched for a page.
    """

    invocations: list[Invocation] = field(default_factory=list)
    floors_ms: list[float] = field(default_factory=list)
    rows: float = 0.0
    buffers: float = 0.0

    def add(self, invocation: Invocation, floor_ms: float) -> None:
        """Add a page, and the time that its bare calls took."""
        self.invocations.append(invocation)
        self.floors_ms.append(floor_ms)

    def summary(self) -> dict[str, Any]:
        """Return the figures for bench.json."""
        calls = [i.calls for i in self.invocations]
        trips = [c.round_trips for c in calls]
        wall = [i.wall_ms for i in self.invocations]
        cpu = [i.cpu_ms for i in self.invocations]
        reads, writes = mean([c.read_units for c in calls]), mean([c.write_units for c in calls])
        floor_ms = percentile(self.floors_ms, 50)
        calls_ms = percentile([c.ms for c in calls], 50)
        return {
            **spread(wall),
            "floor_ms": round(floor_ms, 3),
            "of_floor": round(percentile(wall, 50) / floor_ms, 2),
            "calls_ms": round(calls_ms, 3),
            "of_calls": round(percentile(wall, 50) / calls_ms, 2),
            "dynamodb_ms": round(percentile([c.dynamodb_ms for c in calls], 50), 3),
            "cpu_ms": round(percentile(cpu, 50), 3),
            "cpu_p95_ms": round(percentile(cpu, 95), 3),
            "round_trips": {kind: mean([t[kind] for t in trips]) for kind in trips[0]},
            "most_round_trips": max(sum(t.values()) for t in trips),
            "rows_read": round(self.rows, 1),
            "buffers": round(self.buffers, 1),
            "read_units": reads,
            "write_units": writes,
            "dollars_per_million": round(dollars(reads, writes), 2),
            "answer_bytes": round(mean([i.size for i in self.invocations])),
        }


def measure(
    functions: Functions, floor: Floor, viewers: Sequence[UUID], rounds: Iterable[object]
) -> tuple[Samples, Samples]:
    """Measure first and next pages, in turns with the bare calls of each of them.

    Args:
        functions: The handlers.
        floor: The bare calls.
        viewers: The viewers, who take turns. Each round is a new session.
        rounds: An iterable with as many items as there are pages to measure of each kind.

    Raises:
        BrokenPageError: A page was not full, or held a post twice.
    """
    first, following = Samples(), Samples()
    turn = cycle(viewers)
    for viewer in islice(turn, _WARM_UP):
        page(functions, viewer, page(functions, viewer))
    for _ in rounds:
        session(functions, floor, next(turn), first, following)
    return first, following


def session(
    functions: Functions, floor: Floor, viewer: UUID, first: Samples, following: Samples
) -> None:
    """Add the first and the next page of one new session to the samples."""
    opening = page(functions, viewer)
    first.add(opening, floor.milliseconds(opening.calls))
    after = page(functions, viewer, opening)
    following.add(after, floor.milliseconds(after.calls))


def count(
    functions: Functions, meter: Meter, viewers: Sequence[UUID], first: Samples, following: Samples
) -> None:
    """Add to the samples what Postgres does for such pages. Nothing is timed here."""
    database = functions.database("feed_ranker")
    turn = list(islice(cycle(viewers), _COUNTED))
    opened: list[Invocation] = []
    work = meter.measure(database, lambda: opened.extend(page(functions, v) for v in turn))
    first.rows, first.buffers = work.rows / _COUNTED, work.buffers / _COUNTED
    work = meter.measure(
        database,
        lambda: [page(functions, v, before) for v, before in zip(turn, opened, strict=True)],
    )
    following.rows, following.buffers = work.rows / _COUNTED, work.buffers / _COUNTED


def page(functions: Functions, viewer: UUID, before: Invocation | None = None) -> Invocation:
    """Return the first page of a new session, or the page after `before`, and check it.

    Raises:
        BrokenPageError: The page was not full, or held a post twice.
    """
    query = {"cursor": before.body["next_cursor"]} if before else {}
    answered = functions.get(PATH, viewer, page_size=PAGE_SIZE, **query)
    served = {post["post_id"] for post in before.body["posts"]} if before else set()
    if faults := page_faults(answered.body["posts"], PAGE_SIZE, served=served):
        raise BrokenPageError(f"page of {viewer}: {', '.join(faults)}")
    return answered
