"""What the terminal shows of a replay: a table, and what it says in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from evaluation.replay.baselines import DECAYED, HYBRID
from evaluation.replay.metrics import Interval, Judged, judge, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from evaluation.replay.log import Log
    from evaluation.replay.through import Answers
    from evaluation.replay.window import Window

FEED = "this feed"


@dataclass(frozen=True, eq=False)
class Results:
    """All rankings, judged.

    Attributes:
        judged: By name, the feed first.
        best: Name of the best decayed popularity.
        recall: Share of judged watches whose post was among the feed's candidates.
        mix: Weights of the feed's time scales, at each upkeep of the window.
    """

    judged: Mapping[str, Judged]
    best: str
    recall: float
    mix: NDArray[np.float64]

    def ratio_to_best(self) -> Interval:
        """The feed's NDCG@12 over that of the best decayed popularity, on the same watches."""
        ours, theirs = self.judged[FEED], self.judged[self.best]
        return ratio(ours.gain, theirs.gain, ours.viewer)

    def coverage_ratio(self) -> float:
        """The feed's coverage over that of the best decayed popularity."""
        return self.judged[FEED].coverage / max(self.judged[self.best].coverage, 1e-12)

    def document(self, about: str) -> dict[str, Any]:
        """The figures as they are written to a file."""
        found = self.ratio_to_best()
        return {
            "about": about,
            "best": self.best,
            "ratio": [found.value, found.low, found.high],
            "coverage_ratio": self.coverage_ratio(),
            "recall": self.recall,
            "mix": self.mix[-1].tolist() if len(self.mix) else [],
            "rankings": {
                name: {
                    "ndcg": _triple(j.ndcg()),
                    "hit_rate": _triple(j.hits()),
                    "off_trend_hit_rate": _triple(j.off_trend_hits()),
                    "coverage": j.coverage,
                }
                for name, j in self.judged.items()
            },
        }


def judged_all(
    log: Log,
    window: Window,
    pages: Mapping[str, list[list[int]]],
    off_trend: NDArray[np.bool_],
    answers: Answers,
) -> Results:
    """Hold the feed and the baselines against what was watched next.

    Off-trend are the watches outside the 50 hottest by the half-life that does best.
    """
    target, viewer = log.post[window.judged], log.viewer[window.judged]
    out = sum(post.published_s < float(log.at_s[-1]) for post in log.posts)
    gains = [judge(pages[name], target, viewer, off_trend[0], out).gain.mean() for name in DECAYED]
    best = int(np.argmax(gains))
    everything = {FEED: answers.pages, **pages}
    return Results(
        judged={
            name: judge(found, target, viewer, off_trend[best], out)
            for name, found in everything.items()
        },
        best=DECAYED[best],
        recall=float(np.mean(answers.found)),
        mix=np.array(answers.mix),
    )


def table(title: str, results: Results) -> Table:
    """One line a ranking."""
    shown = Table(title=title, title_justify="left")
    for column in ("", "NDCG@12", "hit rate", "off-trend hit rate", "coverage"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, found in results.judged.items():
        style = "bold cyan" if name == FEED else "bold" if name == results.best else ""
        shown.add_row(
            name,
            _written(found.ndcg()),
            _written(found.hits()),
            _written(found.off_trend_hits()),
            f"{found.coverage:.3f}",
            style=style,
        )
    return shown


def verdict(results: Results) -> list[str]:
    """What the figures say."""
    found = results.ratio_to_best()
    said = [
        f"NDCG@12 over the best decayed popularity ({results.best}): {_written(found)}",
        f"coverage over it: {results.coverage_ratio():.1f}",
        f"the post was among the feed's candidates in {results.recall:.1%} of the cases",
    ]
    hybrid = results.judged[HYBRID].gain
    ours = results.judged[FEED]
    said.append(f"over the hybrid: {_written(ratio(ours.gain, hybrid, ours.viewer))}")
    if len(results.mix):
        weights = ", ".join(f"{w:.2f}" for w in results.mix[-1])
        said.append(f"weights of the time scales at the end, the fastest first: {weights}")
    return said


def _written(interval: Interval) -> str:
    if math.isnan(interval.value):
        return "-"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _triple(interval: Interval) -> list[float | None]:
    return [
        None if math.isnan(v) else round(v, 5)
        for v in (interval.value, interval.low, interval.high)
    ]
