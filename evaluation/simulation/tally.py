"""The counts that are kept while a world runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evaluation.simulation.each import Each
from evaluation.simulation.figures import Figures
from evaluation.simulation.scale import DAY_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from evaluation.simulation.arms import Answer, Session, View
    from evaluation.simulation.behaviour import Behaviour
    from evaluation.simulation.population import Population
    from evaluation.simulation.scale import Scale

TASTE_PAGE = 5  # the feed should have found a viewer's taste by this page of all their pages
QUOTA_DAYS = 2.0  # a new post should get its quota within so many days
ACTIVE_PAGES = 2  # a session with at least so many pages is active
QUICK_S = 59.0  # a queue is kept for 60 s from the whole second in which it was ranked


@dataclass(slots=True)
class Tally:
    """The counts of what viewers get and do.

    Attributes:
        population: The viewers and posts.
        behaviour: The behaviour, which knows the hidden match.
        scale: The sizes of the world.
        left: The viewers who have left for good.
        pages_at: The times of the pages of each session, in seconds since the start. The key is
            the viewer and the session.
    """

    population: Population
    behaviour: Behaviour
    scale: Scale
    pages_at: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    _views: list[tuple[float, int, int, float, int, bool, bool]] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _pages_of: dict[int, int] = field(default_factory=dict)
    _found: dict[int, bool] = field(default_factory=dict)
    _hits: dict[tuple[int, int], list[bool]] = field(default_factory=dict)
    _ranked_at: dict[tuple[int, int], float] = field(default_factory=dict)
    _quick: list[bool] = field(default_factory=list)
    _short: int = 0
    _degraded: int = 0

    def paged(self, session: Session, answer: Answer, now_s: float) -> None:
        """Count a page that was answered."""
        viewer, key = session.viewer, (session.viewer, session.number)
        nth = self._pages_of[viewer] = self._pages_of.get(viewer, 0) + 1
        if nth == TASTE_PAGE:
            top = self.population.viewers[viewer].top_topics
            posts = self.population.posts
            liked = sum(posts[slot.post].topic in top for slot in answer.slots)
            self._found[viewer] = 2 * liked > len(answer.slots)
        if answer.hit is not None:
            self._hits.setdefault(key, []).append(answer.hit)
            if now_s - self._ranked_at.get(key, -math.inf) < QUICK_S:
                self._quick.append(answer.hit)
            if not answer.hit:
                self._ranked_at[key] = now_s
        self.pages_at.setdefault(key, []).append(now_s)
        self._short += len(answer.slots) < self.scale.page_size
        self._degraded += answer.degraded is not None

    def viewed(self, session: Session, view: View) -> None:
        """Count a post that was watched."""
        key = (session.viewer, view.slot.post)
        self._views.append(
            (
                view.seen_s,
                *key,
                view.outcome.ratio,
                view.outcome.play_ms,
                view.outcome.liked,
                key in self._seen,
            )
        )
        self._seen.add(key)

    def figures(self) -> Figures:
        """Return the figures of all that was counted."""
        columns = [np.array(column) for column in zip(*self._views, strict=True)]
        at, viewer, post, ratio, play_ms, liked, again = columns
        day = (at // DAY_S).astype(int)
        late = at > 0.75 * self.scale.seconds
        lived = sum((self.scale.seconds - v.joined_s) / DAY_S for v in self.population.viewers)
        pages = sum(self._pages_of.values())
        active = [hits for hits in self._hits.values() if len(hits) >= ACTIVE_PAGES]
        gaps = [b - a for times in self.pages_at.values() for a, b in pairwise(times)]
        return Figures(
            watch_ratio=float(ratio.mean()),
            late_watch_ratio=_mean(ratio[late]),
            minutes=float(play_ms.sum() / 60_000 / lived),
            likes=float(100.0 * liked.mean()),
            match=float(self.behaviour.match(viewer, post, at).mean()),
            taste_found=float(np.nanmean(list(self._tastes()))),
            left=len(self.left) / len(self.population.viewers),
            repeats=float(again.mean()),
            creator_gini=self._creator_gini(post),
            quota_met=_mean(self._in_quota(at, post)),
            short_pages=self._short,
            degraded=self._degraded / pages,
            cache_hits=float(np.mean(np.concatenate(active))) if active else float("nan"),
            later_hits=float(np.mean(np.concatenate([h[1:] for h in active])))
            if active
            else float("nan"),
            quick_hits=float(np.mean(self._quick)) if self._quick else float("nan"),
            quick_pages=len(self._quick) / pages if self._hits else float("nan"),
            pages=pages,
            pages_per_session=pages / len(self.pages_at),
            seconds_per_page=float(np.median(gaps)) if gaps else float("nan"),
            daily=tuple(_mean(ratio[day == d]) for d in range(self.scale.days)),
            each=self._each(viewer, ratio, play_ms / 60_000 / lived, self._in_quota(at, post)),
        )

    def _each(
        self,
        viewer: NDArray[np.int_],
        ratio: NDArray[np.float64],
        minutes: NDArray[np.float64],
        in_quota: NDArray[np.bool_],
    ) -> Each:
        count = len(self.population.viewers)
        views = np.bincount(viewer, minlength=count)
        with np.errstate(invalid="ignore"):
            ratios = np.bincount(viewer, ratio, count) / views
        return Each(
            watch_ratio=tuple(ratios.tolist()),
            minutes=tuple((count * np.bincount(viewer, minutes, count)).tolist()),
            taste_found=tuple(self._tastes()),
            left=tuple(float(i in self.left) for i in range(count)),
            quota_met=tuple(in_quota.astype(float).tolist()),
        )

    def _tastes(self) -> Iterator[float]:
        """Return 1 for each viewer whose taste was found and 0 for others.

        The taste of a viewer who never came to that page counts as not found. It is NaN for viewers
        who had less than two days.
        """
        latest = self.scale.seconds - 2 * DAY_S
        for i, viewer in enumerate(self.population.viewers):
            had_time = viewer.joined_s <= latest
            yield float(self._found.get(i, False)) if had_time else float("nan")

    def _creator_gini(self, post: NDArray[np.int_]) -> float:
        makers = np.array([p.creator for p in self.population.posts])
        views = np.bincount(makers[post], minlength=len(self.population.creators))
        return gini(views[np.unique(makers)])

    def _in_quota(self, at: NDArray[np.float64], post: NDArray[np.int_]) -> NDArray[np.bool_]:
        """Tell for each new post that had the time whether it got its quota."""
        published = np.array([p.published_s for p in self.population.posts])
        soon = at - published[post] <= QUOTA_DAYS * DAY_S
        shown = np.bincount(post[soon], minlength=len(published))
        new = (published >= 0) & (published <= self.scale.seconds - QUOTA_DAYS * DAY_S)
        found: NDArray[np.bool_] = shown[new] >= self.scale.quota
        return found


def gini(values: NDArray[np.int_]) -> float:
    """Return the Gini coefficient of counts, from 0 if all are alike to near 1 if one has all."""
    ordered = np.sort(values)
    n, whole = len(ordered), ordered.sum()
    if not whole:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * whole))


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
