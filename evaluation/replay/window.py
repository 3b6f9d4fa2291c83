"""Which watches of a log are judged: the next watch of a viewer, in a window at the log's end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.replay.columns import LogError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evaluation.replay.log import Log

TICK_S = 60.0  # between two runs of the upkeep: what all viewers share is so old at most


@dataclass(frozen=True, eq=False)
class Window:
    """A window of a log, and the watches in it that are judged.

    Attributes:
        begins: Index of the first watch in the window; it ends with the log.
        starts_s: When it begins, in seconds since 1970.
        judged: Indices of the judged watches, growing.
        seen: For each judged watch, the posts that its viewer had watched before.
    """

    begins: int
    starts_s: float
    judged: NDArray[np.int64]
    seen: tuple[frozenset[int], ...]


def choose(log: Log, hours: float, events: int, seed: int = 1) -> Window:
    """The window of the log's last hours.

    A watch can be judged where its viewer had watched something before, but not this post, and
    the post was out by then: no feed that never repeats could have shown it otherwise. Of more than
    `events`, a sample is judged.

    Raises:
        LogError: No watch in the window can be judged.
    """
    starts_s = float(log.at_s[-1]) - hours * 3_600.0
    begins = int(np.searchsorted(log.at_s, starts_s))
    if begins == 0:
        raise LogError(
            f"the window of {hours:g} h is as long as the log: nothing before it to learn from"
        )
    published = np.array([post.published_s for post in log.posts])
    out = published[log.post] < log.at_s
    seen: defaultdict[int, set[int]] = defaultdict(set)
    candidates: list[int] = []
    for i, (viewer, post) in enumerate(zip(log.viewer.tolist(), log.post.tolist(), strict=True)):
        known = seen[viewer]
        if i >= begins and known and post not in known and out[i]:
            candidates.append(i)
        known.add(post)
    if not candidates:
        raise LogError(f"the window of {hours:g} h holds no watch that can be judged: widen it")
    judged = np.array(candidates)
    if len(judged) > events:
        chosen = np.random.default_rng(seed).choice(len(judged), events, replace=False)
        judged = judged[np.sort(chosen)]
    return Window(begins, starts_s, judged, _seen_before(log, judged))


def _seen_before(log: Log, judged: NDArray[np.int64]) -> tuple[frozenset[int], ...]:
    watched: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    concerned = np.isin(log.viewer, np.unique(log.viewer[judged]))
    for i in np.flatnonzero(concerned):
        watched[int(log.viewer[i])].append((int(i), int(log.post[i])))
    return tuple(
        frozenset(post for i, post in watched[int(log.viewer[case])] if i < case) for case in judged
    )
