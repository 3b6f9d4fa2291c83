"""The report of a run on the terminal, with its figures and its targets as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from evaluation.speed.targets import Target


def show(console: Console, results: Mapping[str, Any], targets: Sequence[Target]) -> None:
    """Print the figures and the targets of a run."""
    for table in (
        _pages(results["personas"]),
        _growth(results["growth"]),
        _beside(results),
        _batches(results["batches"]),
        *(_init(name, init) for name, init in results.get("init", {}).items()),
        *_against(results.get("against")),
        *_gateway(results.get("gateway", {})),
        _targets(targets),
    ):
        console.print(table)
    if results.get("machine", {}).get("busy"):
        load = results["machine"]["load_before"]
        console.print(f"[yellow]The machine was busy before the start: its load was {load}.")


def _pages(kinds: Mapping[str, Any]) -> Table:
    columns = ("p50", "p95", "p99", "floor", "p50/floor", "p50/calls", "DynamoDB", "CPU")
    counts = ("round trips", "rows", "buffers")
    table = _table(
        "Pages of 12 (ms)", "viewer", "page", *columns, *counts, "RCU", "WCU", "$/M pages", "bytes"
    )
    for name, pages in kinds.items():
        for page, f in pages.items():
            trips = " + ".join(f"{count:g}" for count in f["round_trips"].values())
            table.add_row(
                name,
                page,
                *(f"{f[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms", "floor_ms")),
                f"{f['of_floor']:.2f}",
                f"{f['of_calls']:.2f}",
                f"{f['dynamodb_ms']:.1f}",
                f"{f['cpu_ms']:.1f}",
                trips,
                *(f"{f[key]:,.0f}" for key in ("rows_read", "buffers")),
                *(f"{f[key]:g}" for key in ("read_units", "write_units", "dollars_per_million")),
                f"{f['answer_bytes']:,}",
            )
    table.caption = (
        "floor: as many empty calls; calls: what the page's own calls took, with their reads and\n"
        "commit; DynamoDB: the part of these in the local stand-in; CPU: of the handler;\n"
        "round trips: Postgres + DynamoDB reads + DynamoDB writes"
    )
    return table


def _growth(growth: Mapping[str, Any]) -> Table:
    table = _table("Growth (ms)", "of", "", "first p50", "first p95", "next p50", "next p95")
    for kind, lines in growth.items():
        for line in lines:
            figures = [f"{line[page][key]:.1f}" for page in ("first", "next") for key in _P50_P95]
            table.add_row(kind, f"{line[kind]:,}", *figures)
    return table


def _beside(results: Mapping[str, Any]) -> Table:
    table = _table("Side by side: a first page (ms)", "", "viewer", "p50", "p95")
    for kind, redis in results["redis"].items():
        ours = results["personas"][kind]["first"]
        rows = {
            "floor: the same calls, bare": {"p50_ms": ours["floor_ms"]},
            "this feed": ours,
            **({"naive SQL": results["naive_sql"]} if kind == "typical" else {}),
            "Redis": redis,
        }
        for name, figures in rows.items():
            if "note" in figures:
                table.add_row(name, kind, figures["note"])
            else:
                cells = (f"{figures[k]:.1f}" if k in figures else "" for k in _P50_P95)
                table.add_row(name, kind, *cells)
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


def _init(build: str, init: Mapping[str, Any]) -> Table:
    table = _table(f"A new container, {build} build (CPU ms)", "function", "init", "bare", "ratio")
    if "note" in init:
        table.add_row(init["note"])
        return table
    for name, f in init.items():
        table.add_row(name, f"{f['init_ms']:.0f}", f"{f['bare_ms']:.0f}", f"{f['ratio']:.2f}")
    return table


def _against(found: Mapping[str, Any] | None) -> list[Table]:
    """Lay out two builds side by side, with paired ratios of this one to the other."""
    if found is None:
        return []
    both = ("p50_ms", "cpu_ms", "floor_ms", "round_trips", "rows_read", "buffers", "write_units")
    pages = _table(
        f"This build / {found['commit'][:12]}, in turns",
        *("viewer", "page", "p50 ratio", "CPU ratio"),
        *(key.removesuffix("_ms").replace("_", " ") for key in both),
    )
    parts = _table("CPU of a page by part (ms), this / other", "viewer", "part", "this", "other")
    for kind, figures in found["pages"].items():
        for page in ("first", "next"):
            f = figures[page]
            pairs = (f"{f['this'][key]:,.4g} / {f['other'][key]:,.4g}" for key in both)
            pages.add_row(kind, page, _ratio(f["wall_ratio"]), _ratio(f["cpu_ratio"]), *pairs)
        mine, other = figures["processor_ms"]["this"], figures["processor_ms"]["other"]
        for part in sorted(mine.keys() | other.keys()):
            parts.add_row(kind, part, f"{mine.get(part, 0):.2f}", f"{other.get(part, 0):.2f}")
    pages.caption = "ratios: geometric means of pairs, with 95 % intervals"
    return [pages, parts]


def _gateway(found: Mapping[str, Any]) -> list[Table]:
    tables = []
    for build, lines in found.items():
        parts = sorted({part for line in lines for part in line["processor_ms"]})
        columns = ("viewers", "pages/s", "p50", "p95", "p99")
        table = _table(
            f"Pages through the gateway, {build} build (ms; CPU of a page by part)",
            *columns,
            *parts,
        )
        for line in lines:
            table.add_row(
                str(line["viewers"]),
                f"{line['pages_per_second']:.1f}",
                *(f"{line[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms")),
                *(f"{line['processor_ms'].get(part, 0):.2f}" for part in parts),
            )
        tables.append(table)
    return tables


def _ratio(found: Sequence[float | None]) -> str:
    middle, low, high = found
    return f"{middle:.2f}" if low is None else f"{middle:.2f} ({low:.2f} … {high:.2f})"


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
        text = column in {"", "viewer", "page", "of", "function", "round trips", "part"}
        table.add_column(column, justify="left" if text else "right", no_wrap=True)
    return table
