"""The program of `make soak`.

MINUTES, WARM_UP, POSTS, VIEWERS, RATE, OPEN_TRANSACTION and STATE_DIR come from the environment.
"""

from __future__ import annotations

import os
import signal
import sys

import psycopg
from rich.console import Console

from evaluation.local_client import AnswerError
from evaluation.progress import steps
from evaluation.soak.report import draw, show
from evaluation.soak.run import run
from evaluation.soak.settings import SoakSettings
from evaluation.speed.machine import commit, machine
from local.errors import StackError
from local.state import write_json

_WIDTH = 140  # the width of the output where there is no terminal


def main() -> int:
    """Run a soak. Return the exit status, 1 where a request failed or retention did not work."""
    # With this, all that was started ends in order, as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    about = {"commit": commit(), "machine": machine()}
    try:
        settings = SoakSettings.from_environment(os.environ)
        with steps(Console(stderr=True)) as shown:
            results = {**about, **run(settings, shown)}
    except (StackError, AnswerError, psycopg.Error) as error:
        print(f"The soak failed: {error}", file=sys.stderr)
        return 1
    target = settings.state_dir / "soak.json"
    write_json(target, results)
    draw(results, target.with_suffix(".png"))
    show(Console(width=None if sys.stdout.isatty() else _WIDTH), results)
    print(f"written: {target}, {target.with_suffix('.png')}")
    return 1 if results["error_count"] or results["retention"]["left"] else 0


if __name__ == "__main__":
    sys.exit(main())
