"""The report of an experiment, by `python -m ops.experiment NAME` (make experiment NAME=…).

The unit is the viewer. Each viewer counts once, by the means of their own figures. The figures
come from experiment_figures in db/migrations. The intervals are normal, so that they mean little
for an arm with fewer than about thirty viewers.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from rich.console import Console
from rich.table import Table

from ops.significance import Interval, difference, interval, sample_ratio
from shared.flags import Flag, Flags, read
from shared.variants import CONTROL, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_ENOUGH = 30  # a normal interval is sound from so many viewers on
_SUSPECT = 0.001
# So long after a change of flags nobody watches a page that was ranked under the old ones. Viewers
# of such a page would count as crossed, and only in the new arms, so that the ratio would be wrong.
_SETTLED = timedelta(minutes=15)


class Figures(NamedTuple):
    """A row of experiment_figures."""

    variant: str | None
    viewers: int
    watching_viewers: int
    impressions: int
    watch_ratio: float | None
    watch_ratio_sd: float | None
    like_rate: float | None
    like_rate_sd: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """The results of an experiment.

    Attributes:
        name: The name of the flag.
        since: The time from which on figures count. Earlier ones are of another set-up.
        arms: The figures of each variant. The control is the last one.
        crossed: The number of viewers who met several variants. They are in none of the figures.
        ratio_p: The p value of the sample ratio. It is None where there were no viewers, or there
            is only one arm.
    """

    name: str
    since: datetime
    arms: tuple[Figures, ...]
    crossed: int
    ratio_p: float | None


class NoExperimentError(Exception):
    """No enabled flag of this name runs an experiment."""


def report(connection: psycopg.Connection[tuple[object, ...]], name: str, days: int) -> Report:
    """Read what an experiment has shown.

    Args:
        connection: A connection of the schema's owner.
        name: The name of the flag.
        days: The number of days to look back. Nothing before the last change of any flag is read,
            because the arms may have been others before.

    Raises:
        NoExperimentError: The flag cannot be evaluated. The message has the reason.
    """
    rows = connection.execute(
        "SELECT name, enabled, rollout_percentage, metadata FROM feature_flags"
    ).fetchall()
    flags = read((Flag(*row) for row in rows), Policy())  # type: ignore[arg-type]  # as the table types them
    variants = flags.arms_of(name)
    if not variants:
        raise NoExperimentError(flags.faults.get(name, "no enabled flag of this name has variants"))
    arms = sorted({*variants, CONTROL}, key=lambda variant: (variant == CONTROL, variant))
    ((since,),) = connection.execute(
        "SELECT greatest(max(updated_at) + %s, now() - make_interval(days => %s))"
        " FROM feature_flags",
        [_SETTLED, days],
    ).fetchall()
    found = [
        Figures(*row)  # type: ignore[arg-type]  # as the function types them
        for row in connection.execute("SELECT * FROM experiment_figures(%s, %s)", [arms, since])
    ]
    known = {figures.variant: figures for figures in found}
    return Report(
        name=name,
        since=since,  # type: ignore[arg-type]  # a timestamptz
        arms=tuple(known.get(arm, Figures(arm, 0, 0, 0, None, None, None, None)) for arm in arms),
        crossed=known[None].viewers if None in known else 0,
        ratio_p=_ratio(flags, arms, known),
    )


def _ratio(flags: Flags, arms: Sequence[str], known: dict[str | None, Figures]) -> float | None:
    expected = flags.expected_shares()
    shares = {arm: expected[arm] for arm in arms if arm in expected}
    counts = {arm: known[arm].viewers for arm in arms if arm in known}
    if len(shares) < 2 or not counts:  # noqa: PLR2004  # one arm has no ratio
        return None
    return sample_ratio(counts, shares)


def show(console: Console, found: Report) -> None:
    """Print a report."""
    table = Table(title=f"{found.name}, since {found.since:%Y-%m-%d %H:%M} UTC")
    table.add_column("variant")
    for column in ("viewers", "impressions", "watch ratio", "like rate", "watch ratio vs control"):
        table.add_column(column, justify="right")
    control = found.arms[-1]
    for arm in found.arms:
        table.add_row(
            arm.variant,
            f"{arm.viewers:,}",
            f"{arm.impressions:,}",
            _shown(arm.watch_ratio, arm.watch_ratio_sd, arm.watching_viewers),
            _shown(arm.like_rate, arm.like_rate_sd, arm.watching_viewers),
            "" if arm is control else _against(arm, control),
        )
    console.print(table)
    console.print("Means over viewers with normal 95 % intervals.")
    if any(arm.watching_viewers < _ENOUGH for arm in found.arms):
        console.print(f"Fewer than {_ENOUGH} watching viewers in an arm: intervals are too narrow.")
    if found.crossed:
        console.print(f"{found.crossed:,} viewers met several variants; they are left out.")
    if found.ratio_p is None:
        console.print("Sample ratio: not to be checked.")
    elif found.ratio_p < _SUSPECT:
        console.print(
            f"[bold red]Sample ratio mismatch (p = {found.ratio_p:.2g}): viewers got lost on the"
            " way to an arm. Believe no figure above before you know why."
        )
    else:
        console.print(f"Sample ratio as configured (p = {found.ratio_p:.2f}).")


def _shown(mean: float | None, sd: float | None, n: int) -> str:
    if mean is None or sd is None:
        return "-" if mean is None else f"{mean:.4f}"
    return _text(interval(mean, sd, n))


def _against(arm: Figures, control: Figures) -> str:
    if (
        arm.watch_ratio is None
        or arm.watch_ratio_sd is None
        or control.watch_ratio is None
        or control.watch_ratio_sd is None
    ):
        return "-"
    delta, p = difference(
        (arm.watch_ratio, arm.watch_ratio_sd, arm.watching_viewers),
        (control.watch_ratio, control.watch_ratio_sd, control.watching_viewers),
    )
    return f"{_text(delta)}  p = {p:.3g}"


def _text(of: Interval) -> str:
    return f"{of.mean:.4f} ({of.low:.4f} … {of.high:.4f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report of one experiment. Return the exit status, 1 if there is no experiment."""
    parser = argparse.ArgumentParser(description="What an experiment has shown.")
    parser.add_argument("name", help="the flag")
    parser.add_argument("--days", type=int, default=30, help="how far back to look")
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"))
    given = parser.parse_args(arguments)
    console = Console()
    if not given.database_url:
        parser.error("DATABASE_URL is not set")
    try:
        with psycopg.connect(given.database_url) as connection:
            show(console, report(connection, given.name, given.days))
    except NoExperimentError as error:
        Console(stderr=True).print(f"{given.name}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
