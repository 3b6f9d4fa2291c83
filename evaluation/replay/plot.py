"""The picture of a replay: each ranking's figures as bars, and the learnt weights over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from evaluation.replay.report import FEED

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from evaluation.replay.report import Results

_OURS, _OTHERS, _BEST = "#0072B2", "#BBBBBB", "#E69F00"
_SCALES = ("#D55E00", "#E69F00", "#009E73", "#0072B2")
_NAMES = ("8 minutes", "an hour", "6 hours", "a day")


def draw(path: Path, results: Results, subtitle: str) -> None:
    """Write the picture as a PNG."""
    figure = Figure(figsize=(12, 7.4), dpi=120, facecolor="white")
    figure.text(0.02, 0.955, "What was watched next", fontsize=16, fontweight="bold")
    figure.text(0.02, 0.92, subtitle, fontsize=9, color="#555555")
    grid = figure.add_gridspec(
        2, 3, left=0.21, right=0.98, top=0.86, bottom=0.08, hspace=0.4, height_ratios=(2, 1)
    )
    names = list(results.judged)
    figures = {
        "NDCG@12": [results.judged[n].ndcg() for n in names],
        "off-trend hit rate": [results.judged[n].off_trend_hits() for n in names],
    }
    for column, (title, values) in enumerate(figures.items()):
        axes = figure.add_subplot(grid[0, column])
        errors = np.array([[v.value - v.low for v in values], [v.high - v.value for v in values]])
        _bars(axes, title, names, [v.value for v in values], results, errors)
        if column:
            axes.set_yticklabels([])
    axes = figure.add_subplot(grid[0, 2])
    _bars(axes, "coverage", names, [results.judged[n].coverage for n in names], results)
    axes.set_yticklabels([])
    _mix(figure.add_subplot(grid[1, :]), results)
    FigureCanvasAgg(figure)
    figure.savefig(path)


def _bars(
    axes: Axes,
    title: str,
    names: list[str],
    values: list[float],
    results: Results,
    errors: np.ndarray[tuple[int, int], np.dtype[np.float64]] | None = None,
) -> None:
    colours = [_OURS if n == FEED else _BEST if n == results.best else _OTHERS for n in names]
    places = np.arange(len(names))
    axes.barh(
        places,
        np.nan_to_num(values),
        color=colours,
        xerr=None if errors is None else np.abs(np.nan_to_num(errors)),
        error_kw={"linewidth": 0.8, "ecolor": "#444444"},
    )
    axes.set_yticks(places, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=10, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)


def _mix(axes: Axes, results: Results) -> None:
    axes.set_title("learnt weights of the time scales", fontsize=10, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("minutes")
    axes.set_ylim(0, 1)
    if not len(results.mix):
        axes.text(0.5, 0.5, "this feed learns none", transform=axes.transAxes, ha="center")
        return
    for scale in range(results.mix.shape[1]):
        axes.plot(results.mix[:, scale], color=_SCALES[scale], label=_NAMES[scale])
    axes.legend(title="half-life", fontsize=8, title_fontsize=8, ncols=len(_NAMES))
