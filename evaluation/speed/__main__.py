"""`make bench`: POSTS, IMPRESSIONS, SAMPLES and STATE_DIR come from the environment."""

from __future__ import annotations

import os
import sys

import psycopg
from rich.console import Console

from evaluation.progress import steps
from evaluation.speed.functions import RefusedError
from evaluation.speed.pages import BrokenPageError
from evaluation.speed.plot import draw
from evaluation.speed.report import show
from evaluation.speed.run import run
from evaluation.speed.settings import BenchSettings
from evaluation.speed.targets import targets
from local.errors import StackError
from local.state import write_json


def main() -> int:
    """Runs the benchmark; returns the exit status, 1 where a count missed its target."""
    progress = Console(stderr=True)
    try:
        settings = BenchSettings.from_environment(os.environ)
        with steps(progress) as shown:
            books = run(settings, shown)
    except (StackError, BrokenPageError, RefusedError, psycopg.Error) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    met = targets(books)
    books["targets"] = [target.document() for target in met]
    write_json(settings.state_dir / "bench.json", books)
    draw(books["growth"], settings.state_dir / "bench.png")
    show(Console(), books, met)
    print(f"written: {settings.state_dir / 'bench.json'}, {settings.state_dir / 'bench.png'}")
    return 1 if any(target.counted and target.met is False for target in met) else 0


if __name__ == "__main__":
    sys.exit(main())
