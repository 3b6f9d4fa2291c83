"""A circuit breaker: after a request has waited in vain, those after it do not wait as well."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 8.0


class Breaker:
    """Remembers that a server hangs, for one container.

    After a call has run out of time, further calls are refused at once for a pause. Then one call
    is let through: if it runs out of time as well, the next pause is twice as long, up to eight
    seconds; any answer ends the pauses.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pause_s = 0.0
        self._closed_until = 0.0

    def admits(self) -> bool:
        """Whether a call may be made now. Of several callers after a pause, one may."""
        if self._pause_s == 0:
            return True
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return False
            self._closed_until = now + self._pause_s  # for the others, while this one tries
            return True

    def timed_out(self) -> None:
        """Note that a call has run out of time."""
        with self._lock:
            self._pause_s = min(max(self._pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            self._closed_until = self._clock() + self._pause_s

    def answered(self) -> None:
        """Note that the server has answered."""
        if self._pause_s:
            with self._lock:
                self._pause_s = 0.0
