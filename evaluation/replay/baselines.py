"""Simple rankings of the same watches, computed exactly over all posts, without what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.replay.crowd import Crowd, neighbours
from evaluation.replay.metrics import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from evaluation.replay.log import Log
    from evaluation.replay.window import Window

HALF_LIVES = {
    "4 min": 240.0,
    "15 min": 900.0,
    "1 h": 3_600.0,
    "6 h": 21_600.0,
    "24 h": 86_400.0,
}
DECAYED = tuple(f"popularity, half-life {name}" for name in HALF_LIVES)
NEWEST, ALL_TIME = "newest first", "all-time popularity"
COVISITS, ITEMS, HYBRID = "co-visits of the last five", "item neighbours", "hybrid"
NAMES = (NEWEST, ALL_TIME, *DECAYED, COVISITS, ITEMS, HYBRID)
HOTTEST = 50
_COVISIT_S = 7_200.0
_ITEM_S = 172_800.0
_HYBRID_LIFT = 4.0
_HYBRID_SCALE = 1  # of the half-lives: 15 min


def rank(
    log: Log, window: Window, progress: Callable[[float], None] = lambda _: None
) -> tuple[dict[str, list[list[int]]], NDArray[np.bool_]]:
    """The page of each baseline for each judged watch.

    Returns:
        Pages by the baseline's name, and for each half-life (rows, as `HALF_LIVES`) and judged
        watch whether its post was outside the hottest at that time.
    """
    crowd = Crowd(log, list(HALF_LIVES.values()), (_COVISIT_S, _ITEM_S))
    published = np.array([post.published_s for post in log.posts])
    pages: dict[str, list[list[int]]] = {name: [] for name in NAMES}
    off_trend = np.zeros((len(HALF_LIVES), len(window.judged)), dtype=bool)
    case = 0
    for i, at_s, _ in crowd.follow(window.begins):
        if case == len(window.judged):
            break
        if i != window.judged[case]:
            continue
        open_posts = published < at_s
        open_posts[list(window.seen[case])] = False
        last = crowd.recent(int(log.viewer[i]))
        for name, scores in _scores(crowd, published, last, at_s).items():
            pages[name].append(top(scores, open_posts))
        for scale, heat in enumerate(crowd.heat):
            hotter = np.count_nonzero(heat > heat[log.post[i]])
            off_trend[scale, case] = hotter >= HOTTEST
        case += 1
        progress(case / len(window.judged))
    return pages, off_trend


def _scores(
    crowd: Crowd, published: NDArray[np.float64], last: list[int], at_s: float
) -> dict[str, NDArray[np.float64]]:
    """Each baseline's score of all posts; the hotter of equal ones comes first."""
    tie = crowd.heat[_HYBRID_SCALE] * 1e-9
    follow = np.zeros(len(published))
    for post, likely in neighbours(crowd.covisits[_COVISIT_S], last, at_s).items():
        follow[post] = likely
    near = np.zeros(len(published))
    for place, post in enumerate(last):
        for other, value in crowd.covisits[_ITEM_S].after(post, at_s).items():
            near[other] += (
                0.7**place * value / np.sqrt((crowd.count[post] + 1.0) * (crowd.count[other] + 1.0))
            )
    scores = {NEWEST: published, ALL_TIME: crowd.count + tie}
    scores.update(zip(DECAYED, crowd.heat, strict=True))
    scores[COVISITS] = follow + tie
    scores[ITEMS] = near + tie
    scores[HYBRID] = crowd.heat[_HYBRID_SCALE] * (1.0 + _HYBRID_LIFT * follow) + 1e-6 * follow
    return scores


def top(scores: NDArray[np.float64], allowed: NDArray[np.bool_], most: int = PAGE) -> list[int]:
    """The allowed posts with the best scores, the best first."""
    masked = np.where(allowed, scores, -np.inf)
    most = min(most, int(np.count_nonzero(allowed)))
    best = np.argpartition(-masked, most - 1)[:most] if most else np.array([], dtype=np.int64)
    return [int(post) for post in best[np.argsort(-masked[best], kind="stable")]]
