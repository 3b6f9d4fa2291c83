"""The tables of figures for the terminal, and of how our feed differs from each other one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from evaluation.intervals import Estimate, estimate, paired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.simulation.each import Each
    from evaluation.simulation.figures import Figures


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, which shows one figure.

    Attributes:
        name: The name of the field in `Figures`.
        title: The title that the reader sees.
        form: The format of a value.
        better: 1 where more is better, -1 where less is, 0 where neither.
    """

    name: str
    title: str
    form: str = "{:.3f}"
    better: int = 1


PERCENT = "{:.1%}"
ROWS = (
    Row("watch_ratio", "mean watch ratio"),
    Row("late_watch_ratio", "… in the last quarter"),
    Row("minutes", "minutes watched a viewer and day", "{:.2f}"),
    Row("likes", "likes per 100 views", "{:.2f}"),
    Row("match", "match of topic and taste", better=1),
    Row("taste_found", "taste found by page 5", PERCENT),
    Row("left", "viewers who left for good", PERCENT, -1),
    Row("repeats", "repeated views", PERCENT, -1),
    Row("creator_gini", "creator Gini", better=0),
    Row("quota_met", "new posts with their quota", PERCENT),
    Row("short_pages", "pages not filled", "{:.0f}", -1),
    Row("degraded", "pages degraded", PERCENT, -1),
    Row("cache_hits", "session cache hits, active sessions", PERCENT),
    Row("later_hits", "… of pages after the first", PERCENT),
    Row("quick_hits", "… of pages asked for while the queue lived", PERCENT),
    Row("quick_pages", "… which are so much of all pages", PERCENT, 0),
    Row("pages", "pages", "{:.0f}", 0),
    Row("pages_per_session", "pages a session", "{:.1f}", 0),
    Row("seconds_per_page", "seconds between pages (median)", "{:.0f}", 0),
    Row("rankings", "rankings for each page", "{:.3f}", -1),
    Row("write_units", "write units of DynamoDB for each page", "{:.2f}", -1),
    Row("queue_bytes", "bytes of a later page's queue", "{:.0f}", -1),
)
COMPARED = ROWS[:10]
EACH = (
    Row("watch_ratio", "watch ratio, all viewers alike"),
    Row("minutes", "minutes watched a viewer and day", "{:.2f}"),
    Row("taste_found", "taste found by page 5", PERCENT),
    Row("left", "viewers who left for good", PERCENT, -1),
    Row("quota_met", "new posts with their quota", PERCENT),
)
OURS_STYLE = "bold cyan"


def figures_table(title: str, results: Mapping[str, Sequence[Figures]]) -> Table:
    """Return a table of each feed's figures, with the mean over seeds and its interval.

    Args:
        title: The title of the table.
        results: The figures of each feed, one for each seed. The first feed is ours.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for i, label in enumerate(results):
        table.add_column(label, justify="right", style=OURS_STYLE if i == 0 else None)
    for row in ROWS:
        cells = [
            _cell(estimate(_values(figures, row.name)), row.form) for figures in results.values()
        ]
        table.add_row(row.title, *cells)
    return table


def differences_table(results: Mapping[str, Sequence[Figures]]) -> Table:
    """Return a table of our feed's figures minus those of each other feed, seed by seed.

    A difference is marked where its interval excludes 0.

    Args:
        results: The same as for `figures_table`.
    """
    (first, ours), *others = results.items()
    table = Table(title=f"{first} less each other, paired by seed", title_justify="left")
    table.add_column("")
    for label, _ in others:
        table.add_column(label, justify="right")
    for row in COMPARED:
        cells = []
        for _, theirs in others:
            difference = paired(_values(ours, row.name), _values(theirs, row.name))
            cells.append(_coloured(_cell(difference, row.form, signed=True), difference, row))
        table.add_row(row.title, *cells)
    return table


def viewers_table(results: Mapping[str, Sequence[Figures]]) -> Table:
    """Return a table of differences, paired by viewer and by new post over all seeds.

    Viewers of one world share its figures, so an interval is somewhat too narrow. That over seeds
    is not, but needs many of them.

    Args:
        results: The same as for `figures_table`.
    """
    (first, ours), *others = results.items()
    title = f"{first} less each other, paired by viewer (new posts by post)"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for label, _ in others:
        table.add_column(label, justify="right")
    for row in EACH:
        cells = []
        for _, theirs in others:
            difference = paired_by([f.each for f in ours], [f.each for f in theirs], row.name)
            cells.append(_coloured(_cell(difference, row.form, signed=True), difference, row))
        table.add_row(row.title, *cells)
    return table


def paired_by(ours: Sequence[Each], theirs: Sequence[Each], name: str) -> Estimate:
    """Return the mean of a figure's differences over all viewers (or posts) of all worlds.

    Args:
        ours: One feed, world by world.
        theirs: The other feed in the same worlds.
        name: The name of the field in `Each`.
    """
    differences = [
        a - b
        for one, other in zip(ours, theirs, strict=True)
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True)
        if not (math.isnan(a) or math.isnan(b))
    ]
    return estimate(differences) if differences else Estimate(math.nan, math.nan)


def verdict(results: Mapping[str, Sequence[Figures]]) -> list[str]:
    """Return one sentence for each feed.

    It says how much more our feed is watched, or that nothing is proven.
    """
    (_, ours), *others = results.items()
    sentences = []
    for label, theirs in others:
        a, b = _values(ours, "watch_ratio"), _values(theirs, "watch_ratio")
        difference = paired(a, b)
        share = difference.mean / estimate(b).mean
        if not difference.differs:
            said = "no difference is proven"
        else:
            said = f"{'more' if difference.mean > 0 else 'less'} is watched"
        sentences.append(
            f"against {label}: {said}: {_cell(difference, '{:.3f}', signed=True)}"
            f" of watch ratio ({share:+.0%})"
        )
    return sentences


def _values(figures: Sequence[Figures], name: str) -> list[float]:
    return [float(getattr(f, name)) for f in figures]


def _cell(value: Estimate, form: str, *, signed: bool = False) -> str:
    if math.isnan(value.mean):
        return "-"
    text = form.format(value.mean)
    if signed and value.mean > 0:
        text = f"+{text}"
    return text if math.isnan(value.half_width) else f"{text} ± {form.format(value.half_width)}"


def _coloured(text: str, difference: Estimate, row: Row) -> str:
    if not difference.differs or not row.better:
        return text
    return f"[{'green' if difference.mean * row.better > 0 else 'red'}]{text}[/]"
