"""How good the answers to the judged watches are, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PAGE = 12  # posts that an answer may name
_DRAWS = 1_000  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Judged:
    """The answers of one ranking to all judged watches.

    Attributes:
        gain: 1 / log2(place + 1) of the post that was watched next, 0 where it is missing: with one
            right answer that is the NDCG of the page. Shape (n,).
        off_trend: Whether the post was outside the 50 hottest, shape (n,).
        viewer: Whose watch it is, shape (n,).
        shown: How many different posts stood on the pages.
        posts: How many posts could have.
    """

    gain: NDArray[np.float64]
    off_trend: NDArray[np.bool_]
    viewer: NDArray[np.int64]
    shown: int
    posts: int

    @property
    def hit(self) -> NDArray[np.float64]:
        """1 where the post stands on the page."""
        return (self.gain > 0.0).astype(float)

    @property
    def coverage(self) -> float:
        """The share of the posts that stood on a page."""
        return self.shown / max(self.posts, 1)

    def ndcg(self) -> Interval:
        """The mean NDCG@12."""
        return mean(self.gain, self.viewer)

    def hits(self) -> Interval:
        """The hit rate."""
        return mean(self.hit, self.viewer)

    def off_trend_hits(self) -> Interval:
        """The hit rate of watches outside the 50 hottest posts."""
        return mean(self.hit[self.off_trend], self.viewer[self.off_trend])


def judge(
    pages: Sequence[Sequence[int]],
    target: NDArray[np.int64],
    viewer: NDArray[np.int64],
    off_trend: NDArray[np.bool_],
    posts: int,
) -> Judged:
    """Hold pages against the posts that were watched next.

    Args:
        pages: For each judged watch the posts in order; those beyond a page's length do not count.
        target: The post of each judged watch.
        viewer: Its viewer.
        off_trend: Whether the post was outside the 50 hottest.
        posts: How many posts were out by the end.
    """
    gain = np.zeros(len(target))
    shown: set[int] = set()
    for i, page in enumerate(pages):
        top = list(page[:PAGE])
        shown.update(top)
        if int(target[i]) in top:
            gain[i] = 1.0 / np.log2(top.index(int(target[i])) + 2.0)
    return Judged(gain, off_trend, viewer, len(shown), posts)


def mean(values: NDArray[np.float64], viewer: NDArray[np.int64]) -> Interval:
    """A mean with its interval; viewers, not single watches, are drawn in the bootstrap."""
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    draws = _resampled(values[None, :], viewer)[:, 0]
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


def ratio(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], viewer: NDArray[np.int64]
) -> Interval:
    """The ratio of two means over the same watches, paired, with its interval."""
    if not theirs.sum():
        return Interval(float("nan"), float("nan"), float("nan"))
    draws = _resampled(np.stack([ours, theirs]), viewer)
    quotients = draws[:, 0] / np.maximum(draws[:, 1], 1e-12)
    low, high = np.quantile(quotients, (0.025, 0.975))
    return Interval(float(ours.mean() / theirs.mean()), float(low), float(high))


def _resampled(values: NDArray[np.float64], viewer: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means of each row under resampled viewers, shape (draws, rows)."""
    _, group = np.unique(viewer, return_inverse=True)
    groups = int(group.max()) + 1
    sums = np.stack([np.bincount(group, row, groups) for row in values])
    counts = np.bincount(group, minlength=groups)
    draw = np.random.default_rng(1)
    found = np.empty((_DRAWS, len(values)))
    for i in range(_DRAWS):
        chosen = draw.integers(groups, size=groups)
        found[i] = sums[:, chosen].sum(axis=1) / counts[chosen].sum()
    return found
