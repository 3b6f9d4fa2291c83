"""A comparison of two builds in one run, which serve pages in turns."""

from __future__ import annotations

import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from evaluation.intervals import Estimate, estimate
from evaluation.other_build import Build, this_build
from evaluation.other_process import Program, running
from evaluation.percentiles import mean, percentile
from evaluation.speed.personas import PERSONAS
from evaluation.speed.processor import per_page_ms, seconds_by_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evaluation.progress import Steps
    from evaluation.speed.settings import BenchSettings

PAGES: Final = ("first", "next")
COUNTED_SESSIONS: Final = 60
_DRIVER = Path(__file__).with_name("driver.py")
_WARM_UP = 5


class Side:
    """One of the two builds, driven in a process of its own."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._family = psutil.Process(program.pid)

    def wait_ready(self) -> None:
        """Wait until the build has its data and runs.

        Raises:
            StackError: The build ended before it was ready.
        """
        self._program.hear()

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Send a command, and return the answer.

        Raises:
            StackError: The build ended instead of answering.
        """
        self._program.say({"do": do, **arguments})
        found: dict[str, Any] = self._program.hear()
        return found

    def processor_ms(self, kind: str, sessions: int) -> dict[str, float]:
        """Return the processor milliseconds per page for each part, over so many sessions."""
        before = seconds_by_part(self._family, own="handler")
        pages = self.ask("sessions", kind=kind, count=sessions)["pages"]
        return per_page_ms(before, seconds_by_part(self._family, own="handler"), pages)


def compare(settings: BenchSettings, other: Build, steps: Steps) -> dict[str, Any]:
    """Measure pages of this build and of another one in turns.

    Args:
        settings: The data set and the number of samples.
        other: The other build.
        steps: The display of what is being done.

    Returns:
        For each kind of viewer and page what `_page` returns, and the processor time by part.

    Raises:
        StackError: One of the two builds did not run.
    """
    folder = settings.state_dir.resolve() / "bench" / "against"
    with (
        _running(this_build(), folder / "this", settings, steps) as ours,
        _running(other, folder / f"data-{other.commit}", settings, steps) as theirs,
    ):
        return {kind.name: _kind(ours, theirs, kind.name, settings, steps) for kind in PERSONAS}


def _kind(
    ours: Side, theirs: Side, kind: str, settings: BenchSettings, steps: Steps
) -> dict[str, Any]:
    for side in (ours, theirs):
        side.ask("sessions", kind=kind, count=_WARM_UP)
    pairs = []
    for number in steps.each(f"both builds: {kind}", range(settings.samples)):
        # Each build goes first as often as the other.
        sides = (ours, theirs) if number % 2 else (theirs, ours)
        answers = {side: side.ask("session", kind=kind) for side in sides}
        pairs.append((answers[ours], answers[theirs]))
    counted = [side.ask("count", kind=kind) for side in (ours, theirs)]
    found: dict[str, Any] = {
        page: _page([(a[page], b[page]) for a, b in pairs], [c[page] for c in counted])
        for page in PAGES
    }
    names = ("this", "other")
    sessions = min(settings.samples, COUNTED_SESSIONS)
    found["processor_ms"] = {
        name: side.processor_ms(kind, sessions)
        for name, side in zip(names, (ours, theirs), strict=True)
    }
    return found


def _page(
    pairs: Sequence[tuple[dict[str, float], dict[str, float]]], counted: Sequence[dict[str, float]]
) -> dict[str, Any]:
    """Summarise one kind of page by medians and counts of both builds, and by paired ratios."""
    sides = {}
    for index, name in enumerate(("this", "other")):
        values = [pair[index] for pair in pairs]
        sides[name] = {
            "p50_ms": round(percentile([v["wall_ms"] for v in values], 50), 3),
            "cpu_ms": round(percentile([v["cpu_ms"] for v in values], 50), 3),
            "floor_ms": round(percentile([v["floor_ms"] for v in values], 50), 3),
            "round_trips": mean([v["round_trips"] for v in values]),
            "read_units": mean([v["read_units"] for v in values]),
            "write_units": mean([v["write_units"] for v in values]),
            **{key: round(value, 1) for key, value in counted[index].items()},
        }
    return {
        **sides,
        "wall_ratio": _document(ratio([(a["wall_ms"], b["wall_ms"]) for a, b in pairs])),
        "cpu_ratio": _document(ratio([(a["cpu_ms"], b["cpu_ms"]) for a, b in pairs])),
    }


def ratio(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the geometric mean of ratios one / other, and the ends of its 95 % interval.

    The interval is Student's, for the logarithms. Its ends are NaN where there is only one pair.
    """
    found: Estimate = estimate([math.log(one / other) for one, other in pairs])
    ends = (found.mean, found.mean - found.half_width, found.mean + found.half_width)
    middle, low, high = map(math.exp, ends)
    return middle, low, high


def _document(found: tuple[float, float, float]) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 3) for value in found]


@contextmanager
def _running(build: Build, folder: Path, settings: BenchSettings, steps: Steps) -> Iterator[Side]:
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [str(folder), str(settings.main.posts), str(settings.main.impressions)]
    with running(build, _DRIVER, arguments, folder / "driver.log") as program:
        side = Side(program)
        with steps.step(f"data of {build.commit or 'this build'}"):
            side.wait_ready()
        yield side
