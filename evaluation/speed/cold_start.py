"""What a new container costs: each function imported, with its parts built, in a new process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from evaluation.percentiles import percentile
from local.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FUNCTIONS = ("feed_ranker", "create_upload", "mux_webhook")
_PROGRAM = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3)
"""


def measure(
    environment: Mapping[str, str], rounds: Callable[[str], Iterable[object]]
) -> dict[str, Any]:
    """Wall and processor milliseconds of each function's initialisation, medians.

    Args:
        environment: Its variables.
        rounds: By the function's name as many items as are to be measured.
    """
    figures = {}
    for function in FUNCTIONS:
        taken = [_once(function, environment) for _ in rounds(function)]
        figures[function] = {
            "n": len(taken),
            "p50_ms": round(percentile([wall for wall, _ in taken], 50), 1),
            "cpu_ms": round(percentile([cpu for _, cpu in taken], 50), 1),
        }
    return figures


def _once(function: str, environment: Mapping[str, str]) -> tuple[float, float]:
    # With the function's name Lambda's environment is complete: settings are read on import.
    variables = {**os.environ, **environment, "AWS_LAMBDA_FUNCTION_NAME": function}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _PROGRAM, f"functions.{function}.app"],
        env=variables,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    wall, cpu = map(float, done.stdout.split()[-2:])
    return wall, cpu
