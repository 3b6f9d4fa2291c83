"""The report of a soak on the terminal and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

_SHOWN_TABLES = 12
_MB = 1e6


def show(console: Console, results: Mapping[str, Any]) -> None:
    """Print what was measured."""
    console.print(
        f"After {results['warm_up_minutes']:g} minutes of warm-up, {results['steps']:,} steps in"
        f" {results['minutes']:g} minutes at {results['steps_per_second']} a second, half of what"
        f" the machine did when idle ({results['capacity_steps_per_second']});"
        f" {results['published']} posts published, {results['removed']} removed;"
        f" {results['error_count']} errors"
    )
    for error in results["errors"][:5]:
        console.print(f"[red]{error}")
    for table in (_requests(results["requests"], results["warm_up"]), _sizes(results["looks"])):
        console.print(table)
    first, last = results["looks"][0], results["looks"][-1]
    for part in sorted(last["memory_bytes"]):
        before, after = first["memory_bytes"].get(part, 0), last["memory_bytes"][part]
        console.print(f"memory of {part}: {before / _MB:.0f} → {after / _MB:.0f} MB")
    console.print(f"items of DynamoDB: {first['items']:,} → {last['items']:,}")
    written = last["wal_bytes"] - first["wal_bytes"]
    grown = last["database_bytes"] - first["database_bytes"]
    console.print(f"database: {grown / _MB:+.1f} MB; WAL written: {written / _MB:.0f} MB")
    pages = sum(of["n"] for kind, of in results["requests"].items() if kind.endswith(" page"))
    if pages:
        console.print(
            f"for 1,000 pages: database {grown / _MB / pages * 1e3:+.1f} MB,"
            f" WAL {written / _MB / pages * 1e3:.1f} MB"
        )
    retention = results["retention"]
    console.print(
        f"retention: of {retention['aged_rows']:,} rows that were made two days old"
        f" {retention['left']:,} are left"
    )


def _requests(requests: Mapping[str, Any], warm_up: Mapping[str, Any]) -> Table:
    """Show the requests. The first p50 is that of the first sixth of the warm-up."""
    table = Table(title="Requests (ms)", title_justify="left")
    columns = (
        "",
        "new viewers p50",
        "n",
        "p50",
        "p95",
        "first sixth p50",
        "last sixth p50",
        "drift",
    )
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    keys = ("p50_ms", "p95_ms", "first_p50_ms", "last_p50_ms", "drift")
    for kind, figures in requests.items():
        before = warm_up.get(kind, {}).get("first_p50_ms")
        cells = ("-" if figures[key] is None else f"{figures[key]:.2f}" for key in keys)
        table.add_row(kind, "-" if before is None else f"{before:.2f}", f"{figures['n']:,}", *cells)
    return table


def _sizes(looks: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Tables that are largest or grew most", title_justify="left")
    columns = ("", "MB before", "after", "indexes before", "after", "dead rows most", "at the end")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    first, last = looks[0]["tables"], looks[-1]["tables"]
    for name in sorted(last, key=lambda n: -sum(last[n][k] for k in ("table", "indexes")))[
        :_SHOWN_TABLES
    ]:
        before = first.get(name, {"table": 0, "indexes": 0})
        sizes = (before["table"], last[name]["table"], before["indexes"], last[name]["indexes"])
        dead = max(look["tables"].get(name, {"dead": 0})["dead"] for look in looks)
        cells = (f"{size / _MB:.1f}" for size in sizes)
        table.add_row(name, *cells, f"{dead:,}", f"{last[name]['dead']:,}")
    return table


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw latency, sizes, dead rows and memory over time into a PNG file."""
    figure = Figure(figsize=(12, 8), layout="constrained")
    (latency, sizes), (dead, memory) = figure.subplots(2, 2)
    minutes = results["minutes"]
    for kind, medians in results["minutes_p50"].items():
        places = [(n + 0.5) * minutes / len(medians) for n in range(len(medians))]
        known = [(x, y) for x, y in zip(places, medians, strict=True) if y is not None]
        latency.plot([x for x, _ in known], [y for _, y in known], label=kind)
    latency.set_ylim(bottom=0)
    looks = results["looks"]
    for name, values in _largest(looks, "table", "indexes"):
        sizes.plot([look["at_s"] / 60 for look in looks], [v / _MB for v in values], label=name)
    for name, values in _largest(looks, "dead"):
        dead.plot([look["at_s"] / 60 for look in looks], values, label=name)
    for part in looks[-1]["memory_bytes"]:
        used = [look["memory_bytes"].get(part, 0) / _MB for look in looks]
        memory.plot([look["at_s"] / 60 for look in looks], used, label=part)
    titles = ("p50 (ms)", "tables with indexes (MB)", "dead rows", "resident memory (MB)")
    for axes, title in zip((latency, sizes, dead, memory), titles, strict=True):
        axes.set_title(title)
        axes.set_xlabel("minutes")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)


def _largest(looks: Sequence[Mapping[str, Any]], *keys: str) -> Iterator[tuple[str, list[int]]]:
    """Yield the six tables with the largest values at the end, each with all its values."""
    last = looks[-1]["tables"]
    for name in sorted(last, key=lambda n: -sum(last[n][key] for key in keys))[:6]:
        yield name, [sum(look["tables"].get(name, {}).get(k, 0) for k in keys) for look in looks]
