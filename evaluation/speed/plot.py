"""A picture of latency over the size of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PAGES = {"first": "first page", "next": "next page"}


def draw(growth: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Draw latency over the number of posts, and over the number of posts seen.

    Args:
        growth: The part `growth` of bench.json.
        path: The PNG file.
    """
    with mpl.rc_context({"svg.hashsalt": "bench"}):
        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, kind, title in (
            (left, "posts", "posts in the catalogue"),
            (right, "seen", "posts that the viewer has seen"),
        ):
            places = [max(line[kind], 1) for line in growth[kind]]
            for page, name in _PAGES.items():
                medians = [line[page]["p50_ms"] for line in growth[kind]]
                tails = [line[page]["p95_ms"] for line in growth[kind]]
                (line,) = axes.plot(places, medians, marker="o", label=f"{name}, p50")
                axes.plot(places, tails, ":", color=line.get_color(), label=f"{name}, p95")
                floors = [line[page]["floor_ms"] for line in growth[kind]]
                axes.plot(places, floors, "--", alpha=0.4, color=line.get_color())
            axes.set_xscale("log")
            axes.set_xticks(places, [f"{line[kind]:,}" for line in growth[kind]])
            axes.minorticks_off()
            axes.set_xlabel(title)
            axes.grid(alpha=0.3)
        left.set_ylim(bottom=0)
        left.set_ylabel("milliseconds (dashed: the floor)")
        right.legend()
        figure.savefig(path, dpi=120)
