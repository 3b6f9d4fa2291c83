"""The run on the terminal: its figures and its targets as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from evaluation.speed.targets import Target


def show(console: Console, books: Mapping[str, Any], targets: Sequence[Target]) -> None:
    """Prints a run."""
    for table in (
        _pages(books["personas"]),
        _growth(books["growth"]),
        _beside(books),
        _batches(books["batches"]),
        _init(books["init"]),
        _targets(targets),
    ):
        console.print(table)


def _pages(kinds: Mapping[str, Any]) -> Table:
    columns = ("p50", "p95", "p99", "floor", "p50/floor", "CPU", "round trips", "rows", "buffers")
    table = _table(
        "Pages of 12 (ms)", "viewer", "page", *columns, "RCU", "WCU", "$/M pages", "bytes"
    )
    for name, pages in kinds.items():
        for page, f in pages.items():
            trips = " + ".join(f"{count:g}" for count in f["round_trips"].values())
            table.add_row(
                name,
                page,
                *(f"{f[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms", "floor_ms")),
                f"{f['of_floor']:.2f}",
                f"{f['cpu_ms']:.1f}",
                trips,
                *(f"{f[key]:,.0f}" for key in ("rows_read", "buffers")),
                *(f"{f[key]:g}" for key in ("read_units", "write_units", "dollars_per_million")),
                f"{f['answer_bytes']:,}",
            )
    table.caption = "round trips: Postgres + DynamoDB reads + DynamoDB writes"
    return table


def _growth(growth: Mapping[str, Any]) -> Table:
    table = _table("Growth (ms)", "of", "", "first p50", "first p95", "next p50", "next p95")
    for kind, lines in growth.items():
        for line in lines:
            figures = [f"{line[page][key]:.1f}" for page in ("first", "next") for key in _P50_P95]
            table.add_row(kind, f"{line[kind]:,}", *figures)
    return table


def _beside(books: Mapping[str, Any]) -> Table:
    table = _table("Side by side: a first page of the typical viewer (ms)", "", "p50", "p95")
    ours = books["personas"]["typical"]["first"]
    rows = {
        "floor: the same calls, bare": {"p50_ms": ours["floor_ms"]},
        "this feed": ours,
        "naive SQL": books["naive_sql"],
        "Redis": books["redis"],
    }
    for name, figures in rows.items():
        if "note" in figures:
            table.add_row(name, figures["note"])
        else:
            table.add_row(name, *(f"{figures[k]:.1f}" if k in figures else "" for k in _P50_P95))
    return table


def _batches(batches: Mapping[str, Any]) -> Table:
    table = _table(
        "What comes back (ms)", "", "p50", "p95", "rows/s", "CPU", "rows read", "buffers"
    )
    for name, f in batches.items():
        if "note" in f:
            table.add_row(name, f["note"])
            continue
        figures = (f"{f[key]:.1f}" for key in _P50_P95)
        costs = (f"{f['cpu_ms']:.1f}", f"{f['rows_read']:,.0f}", f"{f['buffers']:,.0f}")
        table.add_row(name, *figures, f"{f['rows_per_second']:,}", *costs)
    return table


def _init(init: Mapping[str, Any]) -> Table:
    table = _table("A new container (ms)", "function", "init p50", "CPU")
    for name, figures in init.items():
        table.add_row(name, f"{figures['p50_ms']:.0f}", f"{figures['cpu_ms']:.0f}")
    return table


def _targets(targets: Sequence[Target]) -> Table:
    table = _table("Targets", "", "figure", "target", "")
    words = {True: "[green]met", False: "[red]missed", None: "not measured"}
    for target in targets:
        document = target.document()
        figure = "" if target.figure is None else f"{target.figure:g}"
        table.add_row(target.name, figure, document["target"], words[target.met])
    return table


_P50_P95 = ("p50_ms", "p95_ms")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        text = column in {"", "viewer", "page", "of", "function", "round trips"}
        table.add_column(column, justify="left" if text else "right", no_wrap=True)
    return table
