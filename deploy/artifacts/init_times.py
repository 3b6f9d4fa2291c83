"""The cost of a function's cold start, compared with a bare one that imports the same packages.

Both run in fresh processes on the built artifact. They have no bytecode, as on Lambda, where the
folder of the code is read-only. The bare start runs only the statements by which the function's
own modules import third-party packages. The difference is what this project adds: its own modules,
its models and its clients.

The times are processor times and include the start of the interpreter. An init waits for nothing
but its secrets, and the other work of the machine must not be measured.
"""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from deploy.artifacts.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = {"functions", "shared"}
# These settings are valid but lead nowhere, because no init may open a connection.
SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "SESSION_TABLE": "sessions",
    "CURSOR_SECRET": "measured-with-this-one",
    "MUX_TOKEN_ID": "id",
    "MUX_TOKEN_SECRET": "secret",
    "MUX_WEBHOOK_SECRET": "secret",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "measured",
    "POWERTOOLS_METRICS_NAMESPACE": "VroomFeed",
    "POWERTOOLS_SERVICE_NAME": "measured",
}
_REPORT = "import time; print(time.process_time() * 1000)"

Times = dict[str, dict[str, float]]


def init_times(build: Path, runs: int = 7) -> Times:
    """Measure all functions in turn, so that a busy moment affects them alike.

    Args:
        build: A folder that `sam build` made for this machine.
        runs: The number of fresh processes of each kind.

    Returns:
        For each function the medians `init_ms` and `bare_ms`, and `ratio`, the first divided
        by the second.
    """
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(runs):
        for function in FUNCTIONS:
            folder = build / function.logical_id
            handler = [f"import {function.handler.rpartition('.')[0]}"]
            for kind, statements in (("init", handler), ("bare", bare_imports(folder))):
                taken.setdefault((function.name, kind), []).append(_measure(folder, statements))
    times: Times = {}
    for function in FUNCTIONS:
        init, bare = (statistics.median(taken[function.name, kind]) for kind in ("init", "bare"))
        times[function.name] = {"init_ms": init, "bare_ms": bare, "ratio": init / bare}
    return times


def table(times: Times) -> str:
    """Return the times as a table for a terminal."""
    lines = [f"{'function':<15}{'init ms':>9}{'bare ms':>9}{'ratio':>7}"]
    lines += [
        f"{name:<15}{of['init_ms']:>9.0f}{of['bare_ms']:>9.0f}{of['ratio']:>7.2f}"
        for name, of in times.items()
    ]
    return "\n".join(lines)


def bare_imports(folder: Path) -> list[str]:
    """Return the statements by which an artifact's modules import third-party ones at once."""
    found: dict[str, None] = {}
    for package in sorted(OWN):
        for file in sorted((folder / package).rglob("*.py")):
            for module, statement in _imports(ast.parse(file.read_text(encoding="utf-8")).body):
                top = module.partition(".")[0]
                if top not in OWN and top not in sys.stdlib_module_names:
                    found[statement] = None
    return list(found)


def _imports(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the module and the text of each import statement at the top level of a module."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from ((name.name, f"import {name.name}") for name in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module, ast.unparse(statement)


def _measure(folder: Path, statements: list[str]) -> float:
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-S", "-B", "-c", "\n".join([*statements, _REPORT])],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", **SETTINGS},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])
