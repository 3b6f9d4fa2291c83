"""The program of `make catalogues`: what a page costs in catalogues of several sizes, in turns.

POSTS, IMPRESSIONS, SAMPLES and STATE_DIR come from the environment, as for `make bench`, whose data
sets it uses. It measures each kind of viewer on each catalogue. Each round takes a first and a next
page of every catalogue, so that the load of the machine affects all sizes alike.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from evaluation.percentiles import percentile
from evaluation.progress import Steps, steps
from evaluation.speed import dataset, pages
from evaluation.speed.against import ratio
from evaluation.speed.costs import quiet_meter
from evaluation.speed.functions import RefusedError
from evaluation.speed.machine import commit, machine
from evaluation.speed.pages import BrokenPageError
from evaluation.speed.personas import PERSONAS, Persona
from evaluation.speed.recording import Recorder
from evaluation.speed.run import forget_earlier_runs, over
from evaluation.speed.servers import role_passwords, run_postgres, run_servers
from evaluation.speed.settings import BenchSettings
from local.errors import StackError
from local.state import write_json
from shared.postgres import Statement

if TYPE_CHECKING:
    from evaluation.speed.functions import Functions, Invocation

_WIDTH = 150  # the width of the output where there is no terminal
_WARM_UP = 3
_BUDGET_S = 10.0


def main() -> int:
    """Measure, print, and return the exit status."""
    # With this, all that was started ends in order, as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        settings = BenchSettings.from_environment(os.environ)
        results: dict[str, Any] = {"commit": commit(), "machine": machine()}
        with steps(Console(stderr=True)) as shown:
            results["kinds"] = measure(settings, shown)
    except (StackError, BrokenPageError, RefusedError, psycopg.Error) as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    target = settings.state_dir / "catalogues.json"
    write_json(target, results)
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table(results["kinds"]))
    print(f"The load of the machine was {results['machine']['load_before']}. Written: {target}")
    return 0


def measure(settings: BenchSettings, shown: Steps) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of each kind of viewer, from the smallest catalogue to the largest.

    Raises:
        StackError: A part did not start.
        BrokenPageError: A page of the feed was not what is promised.
        RefusedError: A handler answered with an error.
        psycopg.Error: Postgres refused a statement.
    """
    folder = settings.state_dir.resolve() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with run_postgres(folder, durable=False) as server:
        for shape in settings.growth():
            dataset.provide(server, shape, role_passwords(folder), shown)
    recorder = Recorder()
    with run_servers(folder) as servers, recorder.installed(), ExitStack() as stack:
        sizes = []
        for shape in settings.growth():
            data = dataset.provide(servers.postgres, shape, servers.passwords, shown)
            forget_earlier_runs(data)
            functions, _ = stack.enter_context(over(data, servers, recorder))
            sizes.append(_Size(shape.posts, functions, data.admin_url))
        return {kind.name: _kind(kind, sizes, settings.samples, shown) for kind in PERSONAS}


class _Size:
    """A catalogue, and the pages that were measured on it."""

    def __init__(self, posts: int, functions: Functions, admin_url: str) -> None:
        self.posts = posts
        self.functions = functions
        self.admin_url = admin_url
        database = functions.database("feed_ranker")
        found = database.run(Statement(b"SELECT pg_backend_pid()"), viewer=None, budget_s=_BUDGET_S)
        self._backend = psutil.Process(int(found[0][0][0]))

    def session(self, first: list[Invocation], following: list[Invocation], viewer: Any) -> float:  # noqa: ANN401
        """Add a first and a next page, and return the processor seconds that Postgres took."""
        before = self._backend.cpu_times()
        first.append(pages.page(self.functions, viewer))
        following.append(pages.page(self.functions, viewer, first[-1]))
        after = self._backend.cpu_times()
        return after.user + after.system - before.user - before.system


def _kind(kind: Persona, sizes: list[_Size], samples: int, shown: Steps) -> list[dict[str, Any]]:
    turns = [cycle(kind.ids()) for _ in sizes]
    taken: list[tuple[list[Invocation], list[Invocation]]] = [([], []) for _ in sizes]
    used = [0.0 for _ in sizes]
    for size, turn in zip(sizes, turns, strict=True):
        for _ in range(_WARM_UP):
            size.session([], [], next(turn))
    for _ in shown.each(f"{kind.name}: in turns", range(samples)):
        for place, (size, turn) in enumerate(zip(sizes, turns, strict=True)):
            used[place] += size.session(*taken[place], next(turn))
    found: list[dict[str, Any]] = []
    for size, (first, following), seconds in zip(sizes, taken, used, strict=True):
        counted = pages.Samples(), pages.Samples()
        with quiet_meter(size.admin_url) as meter:
            pages.count(size.functions, meter, kind.ids(), *counted)
        found.append(
            {
                "posts": size.posts,
                "n": samples,
                "postgres_cpu_ms": round(seconds * 1e3 / samples, 2),
                "first": _figures(first, counted[0]),
                "next": _figures(following, counted[1]),
            }
        )
    for (before, after), (mine, theirs) in zip(pairwise(found), pairwise(taken), strict=True):
        for place, page in enumerate(("first", "next")):
            pairs = zip(theirs[place], mine[place], strict=True)
            after[page]["p50_ratio"] = _ratio(after[page]["p50_ms"], before[page]["p50_ms"])
            if samples > 1:
                after[page]["wall_ratio"] = ratio([(a.wall_ms, b.wall_ms) for a, b in pairs])
    return found


def _figures(taken: list[Invocation], counted: pages.Samples) -> dict[str, Any]:
    return {
        "p50_ms": round(percentile([i.wall_ms for i in taken], 50), 2),
        "cpu_ms": round(percentile([i.cpu_ms for i in taken], 50), 2),
        "rows": round(counted.rows, 1),
        "buffers": round(counted.buffers, 1),
    }


def _ratio(one: float, other: float) -> float:
    return round(one / other, 3)


def table(kinds: dict[str, list[dict[str, Any]]]) -> Table:
    """Lay the figures out, one line for each kind, catalogue and page."""
    shown = Table(title="A page by the size of the catalogue, in turns", title_justify="left")
    for column in ("viewer", "page", "posts"):
        shown.add_column(column, justify="left" if column != "posts" else "right")
    for column in ("rows", "buffers", "handler CPU", "p50 ms", "p50 ratio", "ratio of pairs"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("Postgres CPU of both", justify="right")
    for name, lines in kinds.items():
        for page in ("first", "next"):
            for line in lines:
                f = line[page]
                shown.add_row(
                    *(name, page, f"{line['posts']:,}", f"{f['rows']:,.0f}"),
                    *(f"{f['buffers']:,.0f}", f"{f['cpu_ms']:.1f}", f"{f['p50_ms']:.1f}"),
                    f"{f['p50_ratio']:.2f}" if "p50_ratio" in f else "",
                    "{:.2f} [{:.2f}, {:.2f}]".format(*f["wall_ratio"]) if "wall_ratio" in f else "",
                    f"{line['postgres_cpu_ms']:.1f}" if page == "first" else "",
                )
    shown.caption = "ratios: to the catalogue before; of pairs: geometric means with 95 % intervals"
    return shown


if __name__ == "__main__":
    sys.exit(main())
