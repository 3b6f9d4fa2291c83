"""The parts of the stack as child processes."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from local.errors import StackError
from local.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
READY = "ready "
LOG_TAIL = 2000
MOST_KEPT = 100  # ports; a stack needs five

# File descriptors of the sockets that keep the ports which were given out last.
_kept: deque[int] = deque()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nothing listens at the moment.

    The system gives higher ports to outgoing connections. Such a connection could take the port
    of a part that is stopped. If its client tries to reach that part, it could connect to itself.

    On Linux this process keeps the port, so that nobody else who asks here gets the same one before
    the part listens on it, or while the part is stopped. A socket keeps it that is bound and does
    not listen. A server can listen there all the same, because both sockets have SO_REUSEADDR,
    which servers set so that they can start again soon.
    """
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            if sys.platform == "linux":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                _kept.append(probe.detach())
                if len(_kept) > MOST_KEPT:
                    os.close(_kept.popleft())
            return port


def supervised(
    command: Sequence[str], *, user: str | None = None, stop_signal: str = "SIGTERM"
) -> list[str]:
    """Wrap a command so that it ends when this process ends, even if this one is killed."""
    drop = [] if user is None else ["--user", user]
    return [
        *(sys.executable, "-m", "local.services.supervise", "--stop-signal", stop_signal),
        *drop,
        "--",
        *command,
    ]


def part_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment for a part, in which `import local` works from any folder."""
    inherited = os.environ.get("PYTHONPATH")
    path = str(ROOT) if not inherited else f"{ROOT}{os.pathsep}{inherited}"
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}


class Part:
    """One child process, which ends when its standard input closes.

    Args:
        name: The name of the part in messages. Its log is `<name>.log`.
        command: The command to run. It must end when its standard input closes (see `supervised`).
        log: The file that gets what it prints.
        environment: Its whole environment. The default is `part_environment()`.
        pass_fds: The file descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(part_environment() if environment is None else environment),
                pass_fds=pass_fds,
                # Ctrl-C in a terminal must reach only the stack, which ends its parts in order.
                start_new_session=True,
            )
        self._announcements: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read_output, name=f"{name} output")
        self._reader.daemon = True
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self.process.poll() is None

    def wait_ready(self, seconds: float = 60.0) -> str:
        """Wait until the part prints a line `ready …` for which nobody has waited yet.

        Returns:
            The text after the word `ready`.

        Raises:
            StackError: The part ended, or did not get ready in time. The message has the end of
                its log.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._announcements or self._ended, seconds)
            if self._announcements:
                return self._announcements.pop(0)
            ended = self._ended
        reason = "ended before it was ready" if ended else f"was not ready after {seconds:.0f} s"
        raise StackError(f"{self.name} {reason}.{self.log_tail()}")

    def tell(self, line: str) -> None:
        """Write one line to the part's standard input."""
        assert self.process.stdin is not None  # noqa: S101  (it was opened as a pipe)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def stop(self, seconds: float = 15.0) -> None:
        """End the part and wait until it is gone. It may have ended already."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)

    def log_tail(self) -> str:
        """Return what the part has logged since it started, shortened for the end of a message."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            text = file.read()[-LOG_TAIL:].decode(errors="replace").strip()
        return f" Its log, {self.log}, ends:\n{text}" if text else f" Its log, {self.log}, is empty"

    def _read_output(self) -> None:
        assert self.process.stdout is not None  # noqa: S101  (it was opened as a pipe)
        with self.process.stdout, self.log.open("ab", buffering=0) as log:
            for line in self.process.stdout:
                log.write(line)
                text = line.decode(errors="replace").rstrip()
                if text.startswith(READY):
                    with self._changed:
                        self._announcements.append(text.removeprefix(READY))
                        self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
