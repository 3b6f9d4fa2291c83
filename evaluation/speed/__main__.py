"""The program of `make bench`.

POSTS, IMPRESSIONS, SAMPLES and STATE_DIR come from the environment.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import psycopg
from rich.console import Console

from evaluation.other_build import other_build, this_build
from evaluation.progress import Steps, steps
from evaluation.speed import cold_start, gateway
from evaluation.speed.against import compare
from evaluation.speed.functions import RefusedError
from evaluation.speed.machine import commit, machine
from evaluation.speed.pages import BrokenPageError
from evaluation.speed.plot import draw
from evaluation.speed.report import show
from evaluation.speed.run import run
from evaluation.speed.settings import BenchSettings
from evaluation.speed.targets import targets
from local.errors import StackError
from local.state import write_json

_WIDTH = 165  # the width of the output where there is no terminal
_GATEWAY_POSTS = 20_000


def main() -> int:
    """Run the benchmark. Return the exit status, 1 where a count missed its target."""
    progress = Console(stderr=True)
    # With this, all that was started ends in order, as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    about = {"commit": commit(), "machine": machine()}
    try:
        settings = BenchSettings.from_environment(os.environ)
        with steps(progress) as shown:
            results = {**about, **measure(settings, shown)}
    except (StackError, BrokenPageError, RefusedError, psycopg.Error) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    met = targets(results)
    results["targets"] = [target.document() for target in met]
    write_json(settings.state_dir / "bench.json", results)
    draw(results["growth"], settings.state_dir / "bench.png")
    show(Console(width=None if sys.stdout.isatty() else _WIDTH), results, met)
    print(f"written: {settings.state_dir / 'bench.json'}, {settings.state_dir / 'bench.png'}")
    return 1 if any(target.counted and target.met is False for target in met) else 0


def measure(settings: BenchSettings, shown: Steps) -> dict[str, Any]:
    """Measure everything, and compare with another build where one is named.

    Raises:
        StackError: A part did not start, or the other build could not be made.
        BrokenPageError: A page of the feed was not what is promised.
        RefusedError: A handler answered with an error.
        psycopg.Error: Postgres refused a statement.
    """
    folder = settings.state_dir.resolve() / "bench"
    other = None
    if settings.against:
        with shown.step(f"the build to compare with: {settings.against}"):
            other = other_build(settings.against, folder.parent / "builds")
    results = run(settings, shown)
    builds = {"this": this_build()} | ({"other": other} if other else {})
    for name, build in builds.items():
        with shown.step(f"new containers: {build.commit or 'this build'}"):
            init = cold_start.measure(build, folder.parent / name if other else folder.parent)
        results.setdefault("init", {})[name] = init
    if other:
        results["against"] = {"commit": other.commit, "pages": compare(settings, other, shown)}
    results["gateway"] = gateway.measure(
        folder, shown, other, posts=min(settings.main.posts, _GATEWAY_POSTS)
    )
    return results


if __name__ == "__main__":
    sys.exit(main())
