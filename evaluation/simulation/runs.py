"""The runs of worlds side by side in processes, with one feed at a time in each process."""

from __future__ import annotations

import multiprocessing
import queue
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from evaluation.backends import backend
from evaluation.other_process import running
from evaluation.simulation.behaviour import Behaviour
from evaluation.simulation.figures import Figures
from evaluation.simulation.ours import Ours
from evaluation.simulation.population import populate
from evaluation.simulation.references import Chronological, Oracle, Shuffled, Trending
from evaluation.simulation.tally import Tally
from evaluation.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.queues import Queue

    from evaluation.backends import Server
    from evaluation.other_build import Build
    from evaluation.simulation.arms import Arm
    from evaluation.simulation.population import Population
    from evaluation.simulation.scale import Scale

_LOOK_S = 0.2
_ELSEWHERE = Path(__file__).with_name("elsewhere.py")
OURS = Ours.name
REFERENCES = (Trending.name, Chronological.name, Shuffled.name, Oracle.name)


@dataclass(frozen=True)
class Run:
    """One feed in one world.

    Attributes:
        label: The label of the feed in reports.
        arm: The name of the feed.
        seed: The seed of the world.
        scale: The sizes and settings of the world.
        build: The build whose feed it is, or None for that of this checkout.
    """

    label: str
    arm: str
    seed: int
    scale: Scale
    build: Build | None = None


def compare(
    runs: Sequence[Run], server: Server, processes: int, progress: Callable[[int, float], None]
) -> list[Figures]:
    """Run all runs, `processes` of them at a time.

    Args:
        runs: The runs.
        server: The server on which the databases of the real feed are made.
        processes: The number of processes.
        progress: Called with the index of a run and the share of it that is done.

    Returns:
        The figures of each run, in the order of `runs`.
    """
    context = multiprocessing.get_context("spawn")
    reports: Queue[tuple[int, float]] = context.Queue()
    # The long runs come first, so that the processes end at about the same time.
    order = sorted(range(len(runs)), key=lambda i: runs[i].arm != OURS)
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=report_to, initargs=(reports,)
    ) as pool:
        futures = {i: pool.submit(run_one, i, runs[i], server) for i in order}
        pending = set(futures.values())
        while pending:
            done, pending = wait(pending, timeout=_LOOK_S)
            while True:
                try:
                    progress(*reports.get_nowait())
                except queue.Empty:
                    break
            for future in done:
                future.result()  # an error ends everything at once
        for i in range(len(runs)):
            progress(i, 1.0)  # some reports may not have arrived yet
        return [futures[i].result() for i in range(len(runs))]


def run_one(index: int, run: Run, server: Server) -> Figures:
    """Run one feed in one world, in this process or in one of the run's build.

    Raises:
        StackError: The other build ended before it had figures.
    """
    if run.build is not None:
        return _run_elsewhere(index, run, run.build, server)
    if run.arm == OURS:
        with (
            backend(server, f"world_{index}") as place,
            Ours(populate(run.scale, run.seed), run.scale, place) as ours,
        ):
            return ours.counted(_live(index, run, lambda _, __: ours))
    return _live(index, run, _reference(run))


def _run_elsewhere(index: int, run: Run, build: Build, server: Server) -> Figures:
    log = server.folder / f"world_{index}.log"
    with running(build, _ELSEWHERE, [], log) as program:
        program.say({"seed": run.seed, "scale": asdict(run.scale)})
        while "figures" not in (message := program.hear()):
            _report(index, message["share"])
    return Figures.from_document(message["figures"])


def _live(index: int, run: Run, make: Callable[[Population, Behaviour], Arm]) -> Figures:
    population = populate(run.scale, run.seed)
    behaviour = Behaviour(population, run.scale.drift_percent / 100, run.scale.seconds)
    tally = Tally(population, behaviour, run.scale)
    world = World(population, behaviour, make(population, behaviour), run.scale, tally)
    world.run(lambda share: _report(index, share))
    return tally.figures()


def _reference(run: Run) -> Callable[[Population, Behaviour], Arm]:
    size = run.scale.page_size
    made: dict[str, Callable[[Population, Behaviour], Arm]] = {
        Trending.name: lambda population, _: Trending(population, size),
        Chronological.name: lambda population, _: Chronological(population, size),
        Shuffled.name: lambda population, _: Shuffled(population, size),
        Oracle.name: lambda population, behaviour: Oracle(population, size, behaviour),
    }
    return made[run.arm]


class _Reports(Protocol):
    """Takes an index of a run and the share of it that is done."""

    def put(self, obj: tuple[int, float], /) -> None: ...


_reports: list[_Reports] = []  # in a process of the pool, the queue for its reports


def report_to(reports: _Reports) -> None:
    """Have this process report how far its runs are."""
    _reports.append(reports)


def _report(index: int, share: float) -> None:
    for reports in _reports:
        reports.put((index, share))
