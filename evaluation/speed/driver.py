"""A program that serves pages of one build to a comparison of builds.

It runs inside the checkout of that build. It is started as a file, with the checkout as its
working folder, and uses the benchmark of that checkout, however old it is. Each line of the input
is a command in JSON, and each line of the output is the answer. It ends when its input ends.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MODULES = ("costs", "dataset", "pages", "personas", "recording", "run", "servers", "settings")


def benchmark() -> SimpleNamespace:
    """Return the modules of the checkout's benchmark. Older checkouts have it in `bench`."""
    package = "evaluation.speed" if importlib.util.find_spec("evaluation") else "bench"
    modules: dict[str, Any] = {
        name: importlib.import_module(f"{package}.{name}") for name in MODULES
    }
    shown = "bench.display" if package == "bench" else "evaluation.progress"
    if importlib.util.find_spec(shown) is None:
        shown = f"{package}.display"
    return SimpleNamespace(**modules, steps=importlib.import_module(shown).steps)


class Driver:
    """The answers to commands about one data set."""

    def __init__(self, bench: SimpleNamespace, data: Any, line: tuple[Any, Any]) -> None:  # noqa: ANN401  # of the other build
        self._bench = bench
        self._data = data
        self._functions, self._floor = line
        self._turns = {kind.name: cycle(kind.ids()) for kind in bench.personas.PERSONAS}
        self._ids = {kind.name: kind.ids() for kind in bench.personas.PERSONAS}

    def session(self, kind: str) -> dict[str, Any]:
        """Measure the first and the next page of one new session."""
        first, following = self._samples()
        self._bench.pages.session(
            self._functions, self._floor, next(self._turns[kind]), first, following
        )
        return {"first": _figures(first), "next": _figures(following)}

    def sessions(self, kind: str, count: int) -> dict[str, Any]:
        """Serve two pages to each of so many sessions. Nothing is timed here."""
        page = self._bench.pages.page
        for _ in range(count):
            viewer = next(self._turns[kind])
            page(self._functions, viewer, page(self._functions, viewer))
        return {"pages": 2 * count}

    def count(self, kind: str) -> dict[str, Any]:
        """Count what Postgres does for a page."""
        first, following = self._samples()
        with self._bench.costs.quiet_meter(self._data.admin_url) as meter:
            self._bench.pages.count(self._functions, meter, self._ids[kind], first, following)
        return {
            page: {"rows_read": samples.rows, "buffers": samples.buffers}
            for page, samples in (("first", first), ("next", following))
        }

    def _samples(self) -> tuple[Any, Any]:
        return self._bench.pages.Samples(), self._bench.pages.Samples()


def _figures(samples: Any) -> dict[str, float]:  # noqa: ANN401  # of the other build
    (invocation,) = samples.invocations
    return {
        "wall_ms": invocation.wall_ms,
        "cpu_ms": invocation.cpu_ms,
        "floor_ms": samples.floors_ms[0],
        "round_trips": sum(invocation.calls.round_trips.values()),
        "read_units": invocation.calls.read_units,
        "write_units": invocation.calls.write_units,
    }


def main(folder: Path, posts: int, impressions: int) -> None:
    """Build the data set where it is missing, then answer commands until the input ends."""
    from rich.console import Console  # noqa: PLC0415  # of the other build's environment

    bench = benchmark()
    shape = bench.settings.Shape(posts, impressions)
    folder.mkdir(parents=True, exist_ok=True)
    recorder = bench.recording.Recorder()
    forget = getattr(bench.run, "forget_earlier_runs", None) or bench.run._forget_earlier_runs  # noqa: SLF001
    over = getattr(bench.run, "over", None) or bench.run._line  # noqa: SLF001  # their older names
    with ExitStack() as stack:
        steps = stack.enter_context(bench.steps(Console(file=sys.stderr, quiet=True)))
        with bench.servers.run_postgres(folder, durable=False) as server:
            passwords = bench.servers.role_passwords(folder)
            bench.dataset.provide(server, shape, passwords, steps)
        servers = stack.enter_context(bench.servers.run_servers(folder))
        stack.enter_context(recorder.installed())
        data = bench.dataset.provide(servers.postgres, shape, servers.passwords, steps)
        forget(data)
        driver = Driver(bench, data, stack.enter_context(over(data, servers, recorder)))
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            answer = getattr(driver, command.pop("do"))(**command)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
