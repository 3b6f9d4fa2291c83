"""What all viewers share, as a ranking may know it: heat at several time scales, and co-visits."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

import numpy as np

from evaluation.replay.window import TICK_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from evaluation.replay.log import Log

_TOGETHER_S = 1_800.0  # watches of a viewer within it follow one another
_BEFORE = 3  # posts that a watch follows
_LAST = 5  # posts of a viewer from which neighbours are asked
FADING = 0.7  # what a neighbour of the post before the last counts
_HISTORY = 400_000  # watches before the window from which is learnt


class Covisits:
    """How often one post was watched soon after another, decayed.

    Args:
        half_life_s: In which a co-visit halves.
    """

    def __init__(self, half_life_s: float) -> None:
        self._rate = np.log(2.0) / half_life_s
        self._next: defaultdict[int, dict[int, tuple[float, float]]] = defaultdict(dict)

    def add(self, before: int, after: int, now_s: float) -> None:
        """Count one co-visit."""
        value, at_s = self._next[before].get(after, (0.0, now_s))
        left = value * float(np.exp(-self._rate * (now_s - at_s)))
        self._next[before][after] = (left + 1.0, now_s)

    def after(self, post: int, now_s: float, most: int | None = None) -> dict[int, float]:
        """What was watched after a post, decayed; of more than `most`, the strongest."""
        found = {
            other: value * float(np.exp(-self._rate * (now_s - at_s)))
            for other, (value, at_s) in self._next[post].items()
        }
        if most is not None and len(found) > most:
            found = dict(sorted(found.items(), key=lambda item: -item[1])[:most])
        return found


def neighbours(
    covisits: Covisits, last: Sequence[int], now_s: float, doubt: float = 1.0, most: int = 32
) -> dict[int, float]:
    """How likely each post follows the viewer's last ones, the latest first; each in [0, about 3).

    Args:
        covisits: What is watched after what.
        last: The viewer's last posts, the latest first.
        now_s: The time.
        doubt: Co-visits that a post needs before half of what they say is believed.
        most: Neighbours of a post that are kept.
    """
    found: defaultdict[int, float] = defaultdict(float)
    for place, post in enumerate(last):
        after = covisits.after(post, now_s, most)
        whole = sum(after.values()) + doubt
        for other, value in after.items():
            found[other] += FADING**place * value / whole
    return found


class Crowd:
    """Follows a log and knows, a minute late, what all viewers did.

    Attributes:
        heat: For each half-life, the decayed count of watches of each post, shape (scales, posts).
        count: All watches of each post, shape (posts,).
        covisits: Co-visits by their half-life in seconds.
        last: The last posts of each viewer, the latest first; not late, since they are their own.
    """

    def __init__(
        self, log: Log, half_lives_s: Sequence[float], covisit_half_lives_s: Sequence[float]
    ) -> None:
        self._log = log
        self._half_lives_s = np.array(half_lives_s)
        self.heat: NDArray[np.float64] = np.zeros((len(half_lives_s), len(log.posts)))
        self.count: NDArray[np.int64] = np.zeros(len(log.posts), dtype=np.int64)
        self.covisits = {half_life_s: Covisits(half_life_s) for half_life_s in covisit_half_lives_s}
        self.last: defaultdict[int, deque[tuple[float, int]]] = defaultdict(
            lambda: deque(maxlen=_LAST)
        )
        self.minutes: list[NDArray[np.int64]] = []  # the watches of the last tick, for learners

    def follow(self, begins: int) -> Iterator[tuple[int, float, bool]]:
        """Walk through the log.

        Args:
            begins: Index of the first watch at which the caller wants to be asked.

        Yields:
            Index and time of each watch from `begins` on, before it is known, and whether a tick
            has just counted what came before.
        """
        log = self._log
        first = max(begins - _HISTORY, 0)
        self.count += np.bincount(log.post[:first], minlength=len(log.posts))
        tick_s = float(log.at_s[first])
        waiting: list[int] = []
        for i in range(first, len(log)):
            at_s = float(log.at_s[i])
            ticked = at_s >= tick_s + TICK_S
            if ticked:
                self._count(waiting, at_s - tick_s)
                tick_s, waiting = at_s, []
            if i >= begins:
                yield i, at_s, ticked
            waiting.append(i)
            self._watch(i, at_s)

    def recent(self, viewer: int) -> list[int]:
        """The viewer's last posts, the latest first."""
        return [post for _, post in self.last[viewer]]

    def _count(self, waiting: list[int], passed_s: float) -> None:
        self.heat *= (2.0 ** (-passed_s / self._half_lives_s))[:, None]
        posts = self._log.post[waiting]
        self.minutes = [posts]
        fresh = np.bincount(posts, minlength=len(self.count))
        self.heat += fresh
        self.count += fresh

    def _watch(self, i: int, at_s: float) -> None:
        post, last = int(self._log.post[i]), self.last[int(self._log.viewer[i])]
        for place, (then_s, before) in enumerate(last):
            if place < _BEFORE and at_s - then_s <= _TOGETHER_S and before != post:
                for covisits in self.covisits.values():
                    covisits.add(before, post, at_s)
        last.appendleft((at_s, post))
