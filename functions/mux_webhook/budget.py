"""Limit how long and how often Mux is called in one invocation."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# A shorter call would mostly end without an answer, and so with an unknown outcome.
_SHORTEST_CALL_S: Final = 0.5


class OutOfTimeError(Exception):
    """The rest of the work does not fit into this invocation."""


@dataclass(slots=True)
class Budget:
    """Keep the time left for calls to Mux, and their pace.

    Attributes:
        ends_at: The time on `clock` at which the last call has to be over.
        longest_call_s: The most seconds that one call may take.
        post_per_s: The most POST requests a second; None sets no limit.
        other_per_s: The same for requests of all other verbs.
        clock: A clock in seconds that never goes back.
        sleep: Waits for a number of seconds.
    """

    ends_at: float
    longest_call_s: float
    post_per_s: float | None = None
    other_per_s: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _free_at: dict[str, float] = field(default_factory=dict)

    def call(self, verb: str) -> float:
        """Wait until a request of this verb may be sent, and return the seconds it may take.

        Raises:
            OutOfTimeError: Too little time would be left for the request.
        """
        kind, pace = ("post", self.post_per_s) if verb == "POST" else ("other", self.other_per_s)
        wait = max(0.0, self._free_at.get(kind, 0.0) - self.clock()) if pace else 0.0
        left = self.ends_at - self.clock() - wait
        if left < _SHORTEST_CALL_S:
            raise OutOfTimeError
        if wait:
            self.sleep(wait)
        if pace:
            self._free_at[kind] = self.clock() + 1 / pace
        return min(left, self.longest_call_s)
