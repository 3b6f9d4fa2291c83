"""`python -m local.demo`: a stack of its own, the scenario, the promises checked.

Ends with 0 only if every check held and every part of the stack has ended. STATE_DIR, where it is
given, keeps the stack's data; else all goes into a folder that is removed unless the demo fails.
With CELLS the stack has viewer cells, and the scenario is about them.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import httpx
import psutil
import psycopg

from local.demo.display import Display
from local.demo.promises import Tally
from local.demo.scenario import chosen, run
from local.errors import StackError
from local.interruption import Interruption
from local.settings import DEFAULT_PORT

_END_S = 15.0
_INTERRUPTED = 128 + signal.SIGINT  # as shells say it, whichever signal it was
PAGE_URL = f"http://127.0.0.1:{DEFAULT_PORT}/"


def main() -> int:
    """Run the demo; return the exit status."""
    Interruption(_INTERRUPTED)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Captions are in many scripts, of which a terminal may know few.
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    given = os.environ.get("STATE_DIR") or None
    folder = Path(given or tempfile.mkdtemp(prefix="vroom-demo-"))
    try:
        scenario = chosen(os.environ)
    except StackError as error:
        print(error, file=sys.stderr)
        return 2
    tally, parts = Tally(promises=scenario.promises), list[psutil.Process]()
    with Display(scenario.steps) as display:
        try:
            run(scenario, folder, tally, display, parts)
            broken = None
        except (StackError, httpx.HTTPError, psycopg.Error) as error:
            broken = f"The demo broke off: {type(error).__name__}: {error}"
        except SystemExit:
            display.verdict("The demo was interrupted.", good=False)
            if given is None:
                shutil.rmtree(folder, ignore_errors=True)
            return _INTERRUPTED
        display.promises(tally)
        faults = [fault for fault in (broken, *judge(tally), still_running(parts)) if fault]
        for fault in faults:
            display.verdict(fault, good=False)
        if faults:
            display.verdict(f"Logs: {folder / 'logs'}", good=False)
        else:
            display.verdict("Every promise held, and every part has ended.", good=True)
            display.say(f"To watch a feed: make dev SEED_POSTS=300, then open {PAGE_URL}")
    if given is None and not faults:
        shutil.rmtree(folder)
    return 1 if faults else 0


def judge(tally: Tally) -> list[str]:
    """What the findings say against the run; empty where all held."""
    faults = [f"Nothing was checked of: {promise}" for promise in tally.unchecked()]
    if tally.failures():
        faults.append(f"{len(tally.failures())} of {len(tally.findings)} checks failed.")
    return faults


def still_running(parts: list[psutil.Process], seconds: float = _END_S) -> str | None:
    """Which of the processes have not ended within `seconds`; None where all have."""
    _, alive = psutil.wait_procs(parts, seconds)
    left = [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    return f"Processes that did not end: {left}" if left else None


if __name__ == "__main__":
    sys.exit(main())
