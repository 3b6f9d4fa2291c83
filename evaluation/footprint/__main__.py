"""The program of `make footprint`.

POSTS, PAGES, AGAINST and STATE_DIR come from the environment. It serves pages of one or two builds,
each on a server of its own, and shows for 1,000 pages how much WAL they write, by how much tables
grow, and how many updates need no new entries of indexes (HOT). WAL is measured in two windows: in
one Postgres writes no images of whole pages, and the other begins with a checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from rich.console import Console

from evaluation.footprint.measure import UPKEEP_PAGES, Side, Window
from evaluation.footprint.report import figures, show
from evaluation.other_build import Build, other_build, this_build
from evaluation.other_process import running
from evaluation.progress import Steps, steps
from evaluation.speed.machine import commit, machine
from local.errors import StackError
from local.state import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH = 140  # the width of the output where there is no terminal
_DRIVER: Final = Path(__file__).with_name("driver.py")


def main() -> int:
    """Measure, print, and return the exit status."""
    # With this, all that was started ends in order, as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        posts, pages = _number("POSTS", 20_000, 1_000), _number("PAGES", 1_000, UPKEEP_PAGES)
        folder = Path(os.environ.get("STATE_DIR") or ".local").resolve()
        builds = {"this build": this_build()}
        if against := os.environ.get("AGAINST"):
            builds[against] = other_build(against, folder / "builds")
        with steps(Console(stderr=True)) as shown:
            windows = measure(builds, folder / "footprint", posts, pages, shown)
    except (StackError, psycopg.Error) as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    found: dict[str, Any] = {
        name: {"windows": [asdict(window) for window in of]} for name, of in windows.items()
    }
    for build in found.values():
        build["per_1000_pages"] = figures(build)
    results = {"commit": commit(), "machine": machine(), "posts": posts, "builds": found}
    write_json(folder / "footprint.json", results)
    show(Console(width=None if sys.stdout.isatty() else _WIDTH), results)
    print(f"written: {folder / 'footprint.json'}")
    return 0


def measure(
    builds: Mapping[str, Build], folder: Path, posts: int, pages: int, shown: Steps
) -> dict[str, list[Window]]:
    """Measure two windows of each build, in turns.

    Args:
        builds: The builds by the names under which they are shown.
        folder: Where their data are kept.
        posts: The size of the catalogue.
        pages: The pages of a window.
        shown: The display of what is being done.

    Raises:
        StackError: A build did not start, or ended early.
    """
    found: dict[str, list[Window]] = {name: [] for name in builds}
    with ExitStack() as stack:
        sides = {}
        for number, (name, build) in enumerate(builds.items()):
            with shown.step(f"{name}: data and first pages"):
                place = folder / str(number)
                arguments = [str(place), str(posts)]
                log = place.with_suffix(".log")
                side = Side(stack.enter_context(running(build, _DRIVER, arguments, log)))
                stack.callback(side.close)
                side.prepare()
                sides[name] = side
        for images in (False, True):
            for name, side in sides.items():
                title = "with a checkpoint" if images else "without images of pages"
                with shown.step(f"{name}: {pages} pages {title}"):
                    found[name].append(side.window(pages, images=images))
    return found


def _number(name: str, default: int, least: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise StackError(f"{name}={text} is no whole number from {least}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
