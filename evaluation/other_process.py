"""A program that runs in a process of another build, and speaks in lines of JSON."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evaluation.other_build import Build


_END_S = 30.0  # a program that has closed its output ends soon


class Program:
    """A program of this checkout that runs with the packages and modules of another build.

    Attributes:
        pid: The id of its process.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid

    def say(self, message: object) -> None:
        """Send a message as a line.

        Raises:
            StackError: The program has ended.
        """
        assert self._process.stdin is not None  # noqa: S101  # it was opened as a pipe
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise StackError(f"a build ended: {self.last_words()}") from error

    def hear(self) -> Any:  # noqa: ANN401  # whatever it says
        """Return the program's next message.

        Raises:
            StackError: The program ended instead.
        """
        assert self._process.stdout is not None  # noqa: S101  # it was opened as a pipe
        line = self._process.stdout.readline()
        if not line:
            raise StackError(f"a build ended: {self.last_words()}")
        return json.loads(line)

    def last_words(self) -> str:
        """Return the end of what the program wrote for people, once it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        return self._log.read_text(encoding="utf-8", errors="replace").strip()[-800:]


@contextmanager
def running(build: Build, file: Path, arguments: list[str], log: Path) -> Iterator[Program]:
    """Run a program in the checkout of a build while the block runs. Its input then ends.

    Args:
        build: The build whose modules and packages it finds.
        file: The program. It belongs to this checkout, and imports of the build what both have.
        arguments: Its arguments.
        log: The file that takes what it writes for people.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(  # noqa: S603  # our own program
            # -P keeps Python from importing modules from the folder of the program's file.
            [build.python, "-P", str(file), *arguments],
            cwd=build.root,
            env=build.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Program(process, log)
        finally:
            if process.stdin is not None:
                process.stdin.close()
