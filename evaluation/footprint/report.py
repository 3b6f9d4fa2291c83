"""The report of what pages write, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_SHOWN = 30
_KB = 1e3
_MB = 1e6


def show(console: Console, results: Mapping[str, Any]) -> None:
    """Print what was measured of each build, and the ratios where there are two."""
    for table in (_summary(results["builds"]), *_details(results["builds"])):
        console.print(table)


def figures(build: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of one build, for 1,000 pages."""
    bare, whole = build["windows"]
    pages, both = bare["pages"] / 1_000, (bare["pages"] + whole["pages"]) / 1_000
    grown = sum(sum(sizes) for window in (bare, whole) for sizes in window["grown"].values())
    images = sum(written["image_bytes"] for written in whole["wal"].values())
    return {
        "WAL without images of pages, MB": bare["wal_bytes"] / _MB / pages,
        "WAL with one checkpoint, MB": whole["wal_bytes"] / _MB / pages,
        "of it images of pages, MB": images / _MB / pages,
        "WAL of the upkeep without images, MB": bare["roll_up_bytes"] / _MB / pages,
        "growth, MB": grown / _MB / both,
        "processor time of the upkeep, s": (bare["roll_up_cpu_s"] + whole["roll_up_cpu_s"]) / both,
    }


def _summary(builds: Mapping[str, Any]) -> Table:
    table = Table(title="For 1,000 pages", title_justify="left")
    table.add_column("")
    found = [figures(build) for build in builds.values()]
    for name in builds:
        table.add_column(name, justify="right")
    if len(found) > 1:
        table.add_column("ratio", justify="right")
    for key, value in found[0].items():
        cells = [f"{each[key]:.2f}" for each in found]
        if len(found) > 1:
            cells.append(f"{value / found[1][key]:.2f}" if found[1][key] else "-")
        table.add_row(key, *cells)
    return table


def _details(builds: Mapping[str, Any]) -> list[Table]:
    tables = []
    for name, build in builds.items():
        bare, whole = build["windows"]
        tables += [_wal(name, bare), _tables(name, bare, whole)]
    return tables


def _wal(name: str, window: Mapping[str, Any]) -> Table:
    title = f"{name}: WAL for 1,000 pages, without images of pages"
    table = Table(title=title, title_justify="left")
    for column in ("", "records", "KB"):
        table.add_column(column, justify="right" if column else "left")
    pages = window["pages"] / 1_000
    written = sorted(window["wal"].items(), key=lambda item: -item[1]["record_bytes"])
    for relation, of in written[:_SHOWN]:
        table.add_row(
            relation, f"{of['records'] / pages:,.0f}", f"{of['record_bytes'] / _KB / pages:,.0f}"
        )
    return table


def _tables(name: str, bare: Mapping[str, Any], whole: Mapping[str, Any]) -> Table:
    table = Table(title=f"{name}: tables, for 1,000 pages", title_justify="left")
    for column in ("", "grew KB", "indexes grew KB", "updates", "HOT", "dead rows at the end"):
        table.add_column(column, justify="right" if column else "left")
    pages = (bare["pages"] + whole["pages"]) / 1_000
    rows = []
    for relation in whole["updates"]:
        sizes = [window["grown"].get(relation, (0, 0)) for window in (bare, whole)]
        changes = [window["updates"].get(relation, (0, 0, 0)) for window in (bare, whole)]
        rows.append(
            (
                relation,
                sum(size[0] for size in sizes) / _KB / pages,
                sum(size[1] for size in sizes) / _KB / pages,
                sum(change[0] for change in changes),
                sum(change[1] for change in changes),
                changes[1][2],
            )
        )
    rows.sort(key=lambda row: (-row[1] - row[2], -row[3]))
    for relation, grew, indexes, updates, hot, dead in rows:
        if not (grew or indexes or updates or dead):
            continue
        share = f"{hot / updates:.0%}" if updates else ""
        cells = (f"{grew:,.0f}", f"{indexes:,.0f}", f"{updates / pages:,.0f}", share, f"{dead:,}")
        table.add_row(relation, *cells)
    return table
