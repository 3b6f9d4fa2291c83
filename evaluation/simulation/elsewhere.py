"""A program that lets a world live under the feed of another build.

It runs inside the checkout of that build. Population, behaviour and clients are those of the
checkout that this file belongs to. The clock, the handler and the databases are those of the other
build, so that its functions and its migrations serve the pages. The input is one line of JSON with
a seed and a scale. The output is lines of JSON: the share that is done, and the figures at the end.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

_HERE = Path(__file__).resolve().parents[1]  # the package `evaluation` of this checkout
_BORROWED = ("clock", "handler", "backends")
_PLACES = ("evaluation", "evaluation.simulation", "simulation")  # where builds have them


def borrow() -> None:
    """Put the other build's modules under this checkout's names, among this checkout's modules.

    Raises:
        ModuleNotFoundError: The build is older than its simulation.
    """
    place = next((place for place in _PLACES if _has(f"{place}.backends")), None)
    if place is None:
        raise ModuleNotFoundError("this build cannot simulate: it has no backends for it")
    borrowed = {name: importlib.import_module(f"{place}.{name}") for name in _BORROWED}
    for name in [n for n in sys.modules if n.split(".")[0] == "evaluation"]:
        del sys.modules[name]
    package = ModuleType("evaluation")
    package.__path__ = [str(_HERE)]
    sys.modules["evaluation"] = package
    for name, module in borrowed.items():
        sys.modules[f"evaluation.{name}"] = module
        setattr(package, name, module)


def _has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


class Teller:
    """Takes reports of progress as a queue between processes does, and prints them."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def put(self, report: tuple[int, float]) -> None:
        """Print the share that is done."""
        self.tell({"share": report[1]})

    def tell(self, message: dict[str, Any]) -> None:
        """Print a message as a line."""
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def main() -> None:
    """Read what to run, run it, and print its figures."""
    # Whatever else is printed goes to the log, so that the output holds messages alone.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        wanted = json.loads(sys.stdin.readline())
        borrow()
        backends = importlib.import_module("evaluation.backends")
        runs = importlib.import_module("evaluation.simulation.runs")
        scale = importlib.import_module("evaluation.simulation.scale").Scale(**wanted["scale"])
        teller = Teller(out)
        runs.report_to(teller)
        with backends.server() as host:
            figures = runs.run_one(0, runs.Run("ours", runs.OURS, wanted["seed"], scale), host)
        teller.tell({"figures": asdict(figures)})


if __name__ == "__main__":
    main()
