"""The stack's parts as child processes: started, watched until ready, ended."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
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


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on at the moment.

    The system hands out higher ones to outgoing connections: such a connection could take the
    port of a part that is stopped, or, of a client that tries to reach it, connect to itself.
    """
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def supervised(
    command: Sequence[str], *, user: str | None = None, stop_signal: str = "SIGTERM"
) -> list[str]:
    """Wraps a command so that it ends with us, even if we are killed."""
    drop = [] if user is None else ["--user", user]
    return [
        *(sys.executable, "-m", "local.services.supervise", "--stop-signal", stop_signal),
        *drop,
        "--",
        *command,
    ]


def part_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment for a part's process, in which `import local` works from anywhere."""
    inherited = os.environ.get("PYTHONPATH")
    path = str(ROOT) if not inherited else f"{ROOT}{os.pathsep}{inherited}"
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}


class Part:
    """One child process, whose standard input is its lease of life.

    Args:
        name: how messages call it; its log is `<name>.log`.
        command: what to run; it must end when its standard input closes (see `supervised`).
        log: the file that gets what it prints.
        environment: its whole environment; default `part_environment()`.
        pass_fds: file descriptors that it inherits.
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
                # Ctrl-C in a terminal is for the stack alone: it ends its parts in order.
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
        """Whether the process still runs."""
        return self.process.poll() is None

    def wait_ready(self, seconds: float = 60.0) -> str:
        """Waits until the part prints a line `ready …` that was not waited for yet.

        Returns:
            What follows the word.

        Raises:
            StackError: the part ended, or said nothing in time; with the end of its log.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._announcements or self._ended, seconds)
            if self._announcements:
                return self._announcements.pop(0)
            ended = self._ended
        reason = "ended before it was ready" if ended else f"was not ready after {seconds:.0f} s"
        raise StackError(f"{self.name} {reason}.{self.log_tail()}")

    def tell(self, line: str) -> None:
        """Writes one line to the part's standard input."""
        assert self.process.stdin is not None  # noqa: S101  (it was opened as a pipe)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def stop(self, seconds: float = 15.0) -> None:
        """Ends the part and waits until it is gone; harmless when it is."""
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
        """What it wrote to its log since it started, shortened, ready to end a message."""
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
