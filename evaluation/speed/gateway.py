"""Pages per second through the local gateway, and the processor time of a page by part."""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import psutil

from evaluation.local_client import AnswerError, LocalClient
from evaluation.other_build import Build, this_build
from evaluation.percentiles import spread
from evaluation.speed.processor import per_page_ms, seconds_by_part
from local.errors import StackError
from local.services.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evaluation.progress import Steps

VIEWERS: Final = (1, 4, 16, 64)
SESSION_PAGES: Final = 10
_POSTS = 20_000
_SECONDS = 8.0
_WARM_UP_S = 3.0
_OF_OTHER_STACKS = {"DATABASE_URL", "RUNTIME", "WORKERS", "CELLS"}


@dataclass(frozen=True, slots=True)
class Stack:
    """A running local stack.

    Attributes:
        base_url: The base URL of its gateway.
        family: The process that started all others of the stack.
    """

    base_url: str
    family: psutil.Process


class Viewer(threading.Thread):
    """A viewer who scrolls in sessions of ten pages, and asks for each page without a pause."""

    def __init__(self, base_url: str, until: threading.Event) -> None:
        super().__init__(daemon=True)
        self.milliseconds: list[float] = []
        self.error: str | None = None
        self._until = until
        self._client = LocalClient(base_url, uuid4())

    def run(self) -> None:
        """Scroll until told to stop, or until the first page that fails."""
        try:
            with self._client:
                while not self._until.is_set():
                    self._session()
        except (OSError, http.client.HTTPException, AnswerError) as error:
            self.error = f"{type(error).__name__}: {error}"

    def _session(self) -> None:
        cursor: str | None = None
        for _ in range(SESSION_PAGES):
            started = time.perf_counter()
            cursor = self._client.page(cursor)["next_cursor"]
            self.milliseconds.append((time.perf_counter() - started) * 1e3)
            if self._until.is_set():
                return


def measure(
    folder: Path, steps: Steps, other: Build | None = None, *, posts: int = _POSTS
) -> dict[str, Any]:
    """Measure this build, and another one in turns with it where one is given.

    Args:
        folder: The folder for the state of the stacks.
        steps: The display of what is being done.
        other: The build to compare with.
        posts: The size of the catalogue.

    Returns:
        The figures for each number of viewers, under `this` and, where it is given, `other`.

    Raises:
        StackError: A stack did not start, or a page failed.
    """
    builds = {"this": this_build()} | ({"other": other} if other else {})
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in builds}
    with ExitStack() as running:
        stacks = {}
        for name, build in builds.items():
            place = folder / (f"stack-{build.commit}" if build.commit else "stack")
            with steps.step(f"a local stack of {build.commit or 'this build'}"):
                stacks[name] = running.enter_context(stack(build, place, posts))
        for stack_ in stacks.values():
            _scroll(stack_, 4, _WARM_UP_S)
        for viewers in steps.each("pages through the gateway", VIEWERS):
            for name, stack_ in stacks.items():
                found[name].append(_scroll(stack_, viewers, _SECONDS))
    return dict(found)


def _scroll(stack: Stack, viewers: int, seconds: float) -> dict[str, Any]:
    """Let so many viewers scroll side by side. Return their pages and the cost of these."""
    until = threading.Event()
    crowd = [Viewer(stack.base_url, until) for _ in range(viewers)]
    before, client = seconds_by_part(stack.family), time.process_time()
    started = time.perf_counter()
    for viewer in crowd:
        viewer.start()
    until.wait(seconds)
    until.set()
    for viewer in crowd:
        viewer.join()
    passed = time.perf_counter() - started
    errors = [viewer.error for viewer in crowd if viewer.error]
    if errors:
        raise StackError(f"a page failed with {viewers} viewers: {errors[0]}")
    milliseconds = [ms for viewer in crowd for ms in viewer.milliseconds]
    processor = per_page_ms(before, seconds_by_part(stack.family), len(milliseconds))
    processor["client"] = round((time.process_time() - client) * 1e3 / len(milliseconds), 2)
    return {
        "viewers": viewers,
        "pages_per_second": round(len(milliseconds) / passed, 1),
        **spread(milliseconds),
        "processor_ms": processor,
    }


@contextmanager
def stack(build: Build, folder: Path, posts: int) -> Iterator[Stack]:
    """Run `make dev` of a build while the block runs.

    Args:
        build: The build whose stack is run.
        folder: The folder for the state of the stack.
        posts: The size of its catalogue.

    Raises:
        StackError: The stack did not start.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    given = {"PORT": str(port), "STATE_DIR": str(folder), "SEED_POSTS": str(posts)}
    environment = build.environment(**given)
    for name in _OF_OTHER_STACKS:
        environment.pop(name, None)
    log = folder / "dev.log"
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(  # noqa: S603  # our own program
            [build.python, "-m", "local.dev"],
            cwd=build.root,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_ready(process, log)
            yield Stack(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        finally:
            process.terminate()


def _wait_ready(process: subprocess.Popen[bytes], log: Path, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if any(line.startswith("ready ") for line in log.read_text("utf-8").splitlines()):
            return
        time.sleep(0.1)
    raise StackError(f"a local stack did not start: {log.read_text('utf-8')[-800:]}")
