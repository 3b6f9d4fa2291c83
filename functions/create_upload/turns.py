"""Send requests that count against Mux's rate limit when it is their turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from shared.mux import MuxBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turns:
    """Wait for turns, within a budget for each request.

    Attributes:
        take: Takes the next turn. It is given the longest wait allowed in seconds, and returns the
            wait, or None where that would be longer.
        per_s: The requests a second that Mux allows.
        budget_s: The most seconds that one request waits.
        sleep: Waits for a number of seconds.
        jitter: Returns a number from 0 to 1 by chance.
    """

    take: Callable[[float, float], float | None]
    per_s: float
    budget_s: float
    sleep: Callable[[float], None]
    jitter: Callable[[], float]

    def ask(self, request: Callable[[], T]) -> T:
        """Send a request when its turn has come, and again where Mux is busy all the same.

        Mux refuses what exceeds its limit without doing anything, so such a request can be sent
        again. Jitter keeps requests apart whose turns were spoilt by others, such as other programs
        that use the account.

        Raises:
            MuxBusyError: The turn would come too late, or Mux stayed busy.
        """
        left_s = self.budget_s
        while True:
            wait_s = self.take(self.per_s, left_s)
            if wait_s is None:
                raise MuxBusyError
            if wait_s > 0:
                self.sleep(wait_s)
            left_s -= wait_s
            try:
                return request()
            except MuxBusyError:
                pause_s = (0.5 + self.jitter()) / self.per_s
                if pause_s > left_s:
                    raise
                self.sleep(pause_s)
                left_s -= pause_s
