"""`make simulate`: `python -m evaluation.simulation [WHAT]`, where WHAT names a comparison."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from evaluation.backends import server
from evaluation.other_build import other_build
from evaluation.simulation.plot import draw
from evaluation.simulation.report import differences_table, figures_table, verdict, viewers_table
from evaluation.simulation.runs import OURS, REFERENCES, Run, compare
from evaluation.simulation.scale import SMALL, Scale, ScaleError, whole_number
from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.other_build import Build
    from evaluation.simulation.figures import Figures

_FRESHNESS_BOOST = {
    "variant": "freshness_boost",
    "weights": {"engagement": 0.25, "freshness": 0.45, "context": 0.20, "diversity": 0.10},
}
_WIDTH = 132  # the width of the output where there is no terminal


@dataclass(frozen=True)
class Plan:
    """A comparison of feeds.

    Attributes:
        title: The title of the table.
        arms: The feed and its scale, by label. The others are compared with the first one.
        file: The file name of the picture.
        builds: Other builds by the labels of the arms that run their feed.
    """

    title: str
    arms: Mapping[str, tuple[str, Scale]]
    file: str
    builds: Mapping[str, Build] = field(default_factory=dict)

    def against(self, build: Build) -> Plan:
        """Return the plan with one more arm: the first one's, under the feed of another build."""
        label = f"build {(build.commit or 'here')[:7]}"
        (first, arm), *others = self.arms.items()
        return replace(self, arms={first: arm, label: arm, **dict(others)}, builds={label: build})


def plans(scale: Scale) -> dict[str, Plan]:
    """Return the comparisons by name."""
    return {
        "feeds": Plan(
            "The feed and simpler ones",
            {OURS: (OURS, scale)} | {name: (name, scale) for name in REFERENCES},
            "simulation.png",
        ),
        "life": Plan(
            "Tastes that drift, viewers who leave for good, half of the posts without tags",
            {
                label: (arm, replace(scale, drift_percent=60, leave_after=3, untagged_percent=50))
                for label, arm in {OURS: OURS, **{name: name for name in REFERENCES}}.items()
            },
            "simulation-life.png",
        ),
        "start": Plan(
            "Sessions that begin with POST /v1/sessions",
            {
                "startSession": (OURS, replace(scale, start_session=1)),
                "first page at once": (OURS, replace(scale, start_session=0)),
                "nothing ranked ahead": (
                    OURS,
                    _with(replace(scale, start_session=1), PREPARE_BUDGET_MS="0"),
                ),
            },
            "simulation-start.png",
        ),
        "half-life": Plan(
            "Half-lives of the hot score",
            {f"{hours} h": (OURS, replace(scale, half_life_h=hours)) for hours in (24, 12, 48, 96)},
            "simulation-half-life.png",
        ),
        "weights": Plan(
            "Weights of the score's parts",
            {
                "as they are": (OURS, scale),
                "engagement_boost": (OURS, replace(scale, variant={"variant": "engagement_boost"})),
                "freshness_boost": (OURS, replace(scale, variant=_FRESHNESS_BOOST)),
            },
            "simulation-weights.png",
        ),
        "quota": Plan(
            "Impressions that a new post is owed (scaled down)",
            {
                f"quota {quota}": (OURS, _with(scale, NEW_POST_QUOTA=str(quota)))
                for quota in (scale.quota, 1, 3 * scale.quota)
            },
            "simulation-quota.png",
        ),
        "ttl": Plan(
            "Seconds for which a session's queue is kept",
            {
                f"{seconds} s": (OURS, _with(scale, SESSION_CACHE_TTL_SECONDS=str(seconds)))
                for seconds in (60, 300, 900)
            },
            "simulation-ttl.png",
        ),
    }


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one comparison, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.simulation", description=__doc__)
    parser.add_argument("what", nargs="?", default="feeds", choices=sorted(plans(SMALL)))
    parser.add_argument("--small", action="store_true", help="a world of seconds, for a look")
    chosen = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        scale = Scale.from_environment(environment, SMALL if chosen.small else None)
        seeds = whole_number("SEEDS", environment.get("SEEDS") or "5")
        jobs = whole_number("JOBS", environment.get("JOBS") or str(min(os.cpu_count() or 1, 2)))
    except ScaleError as error:
        console.print(str(error), style="red")
        return 2
    plan, folder = plans(scale)[chosen.what], Path(environment.get("STATE_DIR") or ".local")
    started = time.monotonic()
    try:
        if against := environment.get("AGAINST"):
            console.print(f"The build to compare with: {against}", highlight=False)
            plan = plan.against(other_build(against, folder.resolve() / "builds"))
        results = simulate(plan, seeds, jobs, console)
    except StackError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    about = (
        f"{scale.viewers} viewers, {scale.creators} creators, "
        f"{scale.posts_at_start + scale.posts_per_day * scale.days} posts, {scale.days} days, "
        f"seeds 1 to {seeds}"
    )
    path = folder / plan.file
    draw(path, results, about)
    console.print(figures_table(f"{plan.title}: {about}", results))
    console.print(differences_table(results))
    console.print(viewers_table(results))
    for sentence in verdict(results):
        console.print(f"• {sentence}", highlight=False)
    console.print(
        f"New posts: quota of {scale.quota} impressions within two days.", highlight=False
    )
    console.print(f"Picture: {path}   ({time.monotonic() - started:.0f} s)", highlight=False)
    return 0


def simulate(plan: Plan, seeds: int, jobs: int, console: Console) -> dict[str, list[Figures]]:
    """Run a plan over the seeds 1 to `seeds`, and show the progress.

    Returns:
        The figures by label, with one entry for each seed.
    """
    runs = [
        Run(label, arm, seed, scale, plan.builds.get(label))
        for seed in range(1, seeds + 1)
        for label, (arm, scale) in plan.arms.items()
    ]
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress, server() as host:
        tasks = {label: progress.add_task(label, total=seeds) for label in plan.arms}
        shares = [0.0] * len(runs)

        def note(index: int, share: float) -> None:
            shares[index] = share
            label = runs[index].label
            done = sum(s for s, run in zip(shares, runs, strict=True) if run.label == label)
            progress.update(tasks[label], completed=done)

        figures = compare(runs, host, jobs, note)
    by_label: dict[str, list[Figures]] = {label: [] for label in plan.arms}
    for run, found in zip(runs, figures, strict=True):
        by_label[run.label].append(found)
    return by_label


def _with(scale: Scale, **settings: str) -> Scale:
    return replace(scale, environment={**scale.environment, **settings})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
