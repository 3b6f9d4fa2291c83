"""Lambda's snapshot of a function, restored several times: `restoring.py FUNCTION EVENT`.

The process imports the handler as Lambda's init does, runs the hooks before the snapshot and waits
for a line on standard input. Then each of three children is a restored container: it has the
parent's memory, its state of `random` included, runs the hooks after the restore as AWS's runtime
client does, and answers one request. What each saw goes to the descriptor REPORT_TO, a line each.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from awslambdaric.lambda_runtime_hooks_runner import run_after_restore, run_before_snapshot

CLONES = 3


def sockets() -> list[str]:
    """The sockets that this process has open."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            name = str(descriptor.readlink())
        except OSError:
            continue  # the folder's own
        if name.startswith("socket:"):
            names.append(name)
    return sorted(names)


def main() -> None:
    """Takes the snapshot and restores it."""
    event = json.loads(sys.argv[2])
    app = importlib.import_module(f"functions.{sys.argv[1]}.app")
    context = SimpleNamespace(
        function_name="f",
        function_version="1",
        memory_limit_in_mb=128,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
        aws_request_id="6f1c4c5e-0000-4000-8000-000000000002",
        get_remaining_time_in_millis=lambda: 10_000,
    )
    at_init = sockets()
    run_before_snapshot()
    say({"at_init": at_init, "in_snapshot": sockets()})
    sys.stdin.readline()
    state = random.getstate()
    for _ in range(CLONES):
        child = os.fork()
        if child == 0:
            # A fork seeds anew by itself; a restored container has the very state of the snapshot.
            random.setstate(state)
            run_after_restore()
            drawn = random.random()  # noqa: S311  # it is what is tested
            answer = app.lambda_handler(event, context)
            say({"drawn": drawn, "sockets": sockets(), "answer": answer})
            os._exit(0)
        os.waitpid(child, 0)


def say(what: Any) -> None:  # noqa: ANN401  (any JSON)
    """One line for the test; what the function logs goes elsewhere."""
    with os.fdopen(os.dup(int(os.environ["REPORT_TO"])), "w") as report:
        report.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    main()
