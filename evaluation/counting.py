"""Counts of what sessions cost the real feed: rankings, units of DynamoDB, and sizes of queues.

They are the same on every machine. The units follow the rules that AWS publishes.
"""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from evaluation.speed import capacity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FIRST_PAGE = "page#0000000000"


@dataclass(slots=True)
class Work:
    """What the feed did while it was counted.

    Attributes:
        rankings: The number of queues that were ranked, ahead of a request or for one.
        reads: The number of calls that read DynamoDB.
        writes: The number of calls that write DynamoDB.
        read_units: The read units of DynamoDB that they consumed.
        write_units: The write units of DynamoDB that they consumed.
        first_bytes: The size of each item with the queue of a session's first page.
        later_bytes: The size of each item with the queue of a later page.
    """

    rankings: int = 0
    reads: int = 0
    writes: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    first_bytes: list[int] = field(default_factory=list)
    later_bytes: list[int] = field(default_factory=list)

    def add(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Add a call of DynamoDB and its answer, or its refusal."""
        read, written = capacity.units(operation, request, answer)
        self.reads += read > 0
        self.writes += written > 0
        self.read_units += read
        self.write_units += written
        item = request.get("Item", {})
        if "queue" in item:
            sizes = self.first_bytes if item["sk"]["S"] == _FIRST_PAGE else self.later_bytes
            sizes.append(capacity.item_bytes(item))


@contextmanager
def counted() -> Iterator[Work]:
    """Count what the feed of this process does while the block runs.

    A build that ranks or calls DynamoDB in a way of its own is counted without that.
    """
    work = Work()
    # The feed's modules are looked up by name, since they may be those of another build.
    if importlib.util.find_spec("functions.feed_ranker.ranking") is None:
        yield work
        return
    queue: Any = importlib.import_module("functions.feed_ranker.ranking.queue")
    client: Any = getattr(importlib.import_module("shared.dynamodb"), "DynamoDB", None)
    build = queue.build

    def counted_build(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
        work.rankings += 1
        return build(*given, **named)

    with ExitStack() as stack:
        stack.enter_context(patch.object(queue, "build", counted_build))
        if client is not None:
            stack.enter_context(patch.object(client, "call", _counted_call(client.call, work)))
        yield work


def _counted_call(call: Any, work: Work) -> Any:  # noqa: ANN401 - a method of the client
    def counted_call(client: Any, operation: str, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        try:
            answer: dict[str, Any] = call(client, operation, request)
        except Exception as error:
            refused = getattr(error, "response", None)
            if refused is not None:
                work.add(operation, request, refused)
            raise
        work.add(operation, request, answer)
        return answer

    return counted_call
