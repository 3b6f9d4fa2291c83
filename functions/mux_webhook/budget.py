"""How long and how often Mux may be called."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# A shorter call would mostly end in an outcome that nobody knows.
_LEAST_CALL_S: Final = 0.5


class OutOfTimeError(Exception):
    """What is left to be done does not fit into this invocation."""


@dataclass(slots=True)
class Budget:
    """Seconds left for calls to Mux, and their pace.

    Attributes:
        ends_at: When the last call has to be over, by `clock`.
        longest_call_s: For one call.
        post_per_s: Highest pace of POST requests; None = whatever comes.
        other_per_s: Likewise for all others.
        clock: Seconds that never go back.
        sleep: Waits for seconds.
    """

    ends_at: float
    longest_call_s: float
    post_per_s: float | None = None
    other_per_s: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _free_at: dict[str, float] = field(default_factory=dict)

    def call(self, verb: str) -> float:
        """Wait until a request of this verb may be sent; the seconds it may last.

        Raises:
            OutOfTimeError: Too little time would be left for it.
        """
        kind, pace = ("post", self.post_per_s) if verb == "POST" else ("other", self.other_per_s)
        wait = max(0.0, self._free_at.get(kind, 0.0) - self.clock()) if pace else 0.0
        left = self.ends_at - self.clock() - wait
        if left < _LEAST_CALL_S:
            raise OutOfTimeError
        if wait:
            self.sleep(wait)
        if pace:
            self._free_at[kind] = self.clock() + 1 / pace
        return min(left, self.longest_call_s)
