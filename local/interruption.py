"""How a program in the foreground ends on Ctrl-C, SIGTERM and a closed terminal."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


class Interruption:
    """Turns the first signal into SystemExit, wherever the program is, and ignores later ones.

    A KeyboardInterrupt would not do. Where one passes through `exec` of a text, as in the modules
    that make a dataclass or a named tuple while they are imported, Python ends a `python -m` by
    SIGINT, though the program has caught it and gives a status of its own (seen with 3.11.7).

    Args:
        status: The exit status of a program that a signal ended.
    """

    def __init__(self, status: int = 0) -> None:
        self._status = status
        self._came = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        # A second Ctrl-C must not cut off the orderly end that the first one began.
        if not self._came:
            self._came = True
            raise SystemExit(self._status)

    def ignore(self) -> None:
        """Ignore signals from now on."""
        self._came = True
