"""The targets of the benchmark, each of which is a ratio or a count of a single run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Target:
    """A target and what a run reached.

    Attributes:
        name: What is measured.
        figure: The figure of the run. It is None where the run could not measure it.
        limit: The limit that the figure should reach or keep.
        at_least: True where the figure must be at least the limit. Otherwise it must be at most
            the limit.
        counted: True where the figure is a count, which is the same on every machine.
    """

    name: str
    figure: float | None
    limit: float
    at_least: bool = False
    counted: bool = False

    @property
    def met(self) -> bool | None:
        """Tell whether the target was met. It is None where that is not known."""
        if self.figure is None:
            return None
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def document(self) -> dict[str, Any]:
        """Return the entry for bench.json."""
        sign = ">=" if self.at_least else "<="
        return {
            "name": self.name,
            "figure": self.figure,
            "target": f"{sign} {self.limit:g}",
            "met": self.met,
            "counted": self.counted,
        }


def targets(results: Mapping[str, Any]) -> list[Target]:
    """Return the targets for what the benchmark has measured."""
    return [*_of_pages(results), *_of_growth(results["growth"]), *_others(results)]


def _of_pages(results: Mapping[str, Any]) -> Iterator[Target]:
    kinds: Mapping[str, Any] = results["personas"]
    first = {name: kind["first"] for name, kind in kinds.items()}
    following = {name: kind["next"] for name, kind in kinds.items()}
    both = [*first.values(), *following.values()]
    trips = "most_round_trips"
    yield Target(
        "next page: round trips", max(f[trips] for f in following.values()), 2, counted=True
    )
    yield Target("first page: round trips", max(f[trips] for f in first.values()), 3, counted=True)
    for name, figures in following.items():
        yield Target(f"next page p50 / floor, {name}", figures["of_floor"], 1.5)
    # The search is most of a first page, and empty calls leave it out.
    for name, figures in first.items():
        yield Target(f"first page p50 / its own calls, {name}", figures["of_calls"], 2.5)
    for name in ("heavy", "exhausted"):
        ratio = _ratio(first[name]["p95_ms"], first["typical"]["p95_ms"])
        yield Target(f"first page p95, {name} / typical", ratio, 2)
    yield Target("handler CPU of a page, ms (largest p50)", max(f["cpu_ms"] for f in both), 5)
    yield Target("p95 of a page, any viewer, ms", max(f["p95_ms"] for f in both), 50)


def _of_growth(growth: Mapping[str, Any]) -> Iterator[Target]:
    for page in ("first", "next"):
        sizes, histories = growth["posts"], growth["seen"]
        ratio = _ratio(sizes[-1][page]["p50_ms"], sizes[0][page]["p50_ms"])
        name = f"{page} page p50, {sizes[-1]['posts']:,} posts / {sizes[0]['posts']:,}"
        yield Target(name, ratio if len(sizes) > 1 else None, 1.25)
        ratio = _ratio(histories[-1][page]["p50_ms"], histories[0][page]["p50_ms"])
        yield Target(f"{page} page p50, {histories[-1]['seen']:,} seen / 0", ratio, 1.5)


def _others(results: Mapping[str, Any]) -> Iterator[Target]:
    ours = results["personas"]["typical"]["first"]["p50_ms"]
    naive = _ratio(results["naive_sql"]["p50_ms"], ours)
    yield Target("naive SQL p50 / first page p50, typical", naive, 100, at_least=True)
    for kind in ("impressions", "watch_progress"):
        if "p95_ms" in results["batches"][kind]:
            p95 = results["batches"][kind]["p95_ms"]
            yield Target(f"batch of 100: {kind}, p95 ms", p95, 20)


def _ratio(one: float, other: float) -> float:
    return round(one / other, 2)
