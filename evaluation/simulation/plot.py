"""The picture of a comparison, with watching over the days, and the figures as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from evaluation.intervals import estimate, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

    from evaluation.simulation.figures import Figures

# The palette of Okabe and Ito, which colour-blind readers can tell apart too.
_OURS = "#0072B2"
_OTHERS = ("#E69F00", "#009E73", "#CC79A7", "#999999", "#D55E00", "#56B4E9")
BOUND = "oracle"
_INK, _PALE = "#222222", "#D9D9D9"
_STYLE: dict[RcKeyType, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}
_BARS = (
    ("watch_ratio", "Watch ratio", None),
    ("minutes", "Minutes watched\na viewer and day", None),
    ("taste_found", "Taste found\nby page 5", 1.0),
    ("quota_met", "New posts with\ntheir quota", 1.0),
    ("creator_gini", "Creator Gini\n(less: more even)", None),
)


def draw(path: Path, results: Mapping[str, Sequence[Figures]], subtitle: str) -> None:
    """Write the picture as a PNG.

    Args:
        path: The path of the PNG file.
        results: The figures of each feed, one for each seed. The first feed is ours.
        subtitle: The line that says what was simulated.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(12, 7.6), dpi=130, facecolor="white")
        grid = figure.add_gridspec(
            2,
            len(_BARS),
            height_ratios=(1.45, 1),
            left=0.095,
            right=0.87,
            top=0.86,
            bottom=0.06,
            hspace=0.42,
            wspace=0.45,
        )
        figure.text(
            0.095, 0.955, "How much of each post is watched", fontsize=17, fontweight="bold"
        )
        figure.text(0.095, 0.918, subtitle, fontsize=10, color="#555555")
        colours = dict(zip(results, (_OURS, *_OTHERS), strict=False))
        _days(figure.add_subplot(grid[0, :]), results, colours)
        for i, (name, title, top) in enumerate(_BARS):
            _bars(figure.add_subplot(grid[1, i]), results, colours, name, title, top)
        path.parent.mkdir(parents=True, exist_ok=True)
        FigureCanvasAgg(figure)
        figure.savefig(path, format="png")


def _days(axes: Axes, results: Mapping[str, Sequence[Figures]], colours: dict[str, str]) -> None:
    ends = []
    for label, figures in results.items():
        daily = np.array([f.daily for f in figures])
        days = np.arange(1, daily.shape[1] + 1)
        mean = daily.mean(axis=0)
        first = label == next(iter(results))
        axes.plot(
            days,
            mean,
            color=colours[label],
            linewidth=3.0 if first else 1.8,
            zorder=3 if first else 2,
            linestyle="--" if label == BOUND else "-",
        )
        if len(figures) > 1:
            spread = daily.std(axis=0, ddof=1) / np.sqrt(len(figures)) * quantile(len(figures) - 1)
            axes.fill_between(
                days, mean - spread, mean + spread, color=colours[label], alpha=0.13, linewidth=0
            )
        ends.append((float(mean[-1]), label))
    axes.set_xlim(1, days[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("simulated day")
    axes.set_title("Mean watch ratio by day, with 95 % intervals over seeds")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="y", color=_PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    _name_ends(axes, ends, colours)


def _name_ends(axes: Axes, ends: list[tuple[float, str]], colours: dict[str, str]) -> None:
    """Write names beside the ends of the lines, pushed apart where they would overlap."""
    step = axes.get_ylim()[1] * 0.06
    at = -np.inf
    for value, label in sorted(ends):
        at = max(value, at + step)
        axes.annotate(
            f"{label}  {value:.0%}",
            (1.0, at),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colours[label],
            fontweight="bold" if label == next(iter(colours)) else "normal",
            annotation_clip=False,
        )


def _bars(
    axes: Axes,
    results: Mapping[str, Sequence[Figures]],
    colours: dict[str, str],
    name: str,
    title: str,
    top: float | None,
) -> None:
    estimates = {
        label: estimate([getattr(f, name) for f in figures]) for label, figures in results.items()
    }
    for i, (label, found) in enumerate(reversed(estimates.items())):
        axes.barh(i, found.mean, height=0.66, color=colours[label])
        axes.errorbar(
            found.mean, i, xerr=np.nan_to_num(found.half_width), color=_INK, linewidth=1, capsize=2
        )
    axes.set_yticks(range(len(estimates)), list(reversed(estimates)), fontsize=8.5)
    if name != _BARS[0][0]:
        axes.set_yticklabels([])
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(title, fontsize=9.5)
    axes.set_xlim(0, top)
    axes.locator_params(axis="x", nbins=4)
    if top is not None:
        axes.set_xticks((0.0, 0.5, 1.0))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="x", color=_PALE, linewidth=0.6)
    axes.set_axisbelow(True)
