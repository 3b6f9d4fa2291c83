"""The counts that are kept while a world runs, and the figures that are made from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evaluation.simulation.scale import DAY_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evaluation.simulation.arms import Answer, Session, View
    from evaluation.simulation.behaviour import Behaviour
    from evaluation.simulation.population import Population
    from evaluation.simulation.scale import Scale

TASTE_PAGE = 5  # the feed should have found a viewer's taste by this page of all their pages
QUOTA_DAYS = 2.0  # a new post should get its quota within so many days
ACTIVE_PAGES = 2  # a session with at least so many pages is active
QUICK_S = 59.0  # a queue is kept for 60 s from the whole second in which it was ranked


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one feed in one world.

    Attributes:
        watch_ratio: The mean share of a post that was watched, over all views.
        late_watch_ratio: The same mean over the last quarter of the days.
        minutes: The watched minutes per viewer and day, over the days since they arrived.
        likes: The number of likes per hundred views.
        match: The mean hidden match of taste and topic, in [0, 1].
        taste_found: The share of viewers whose fifth page has mostly posts of their top topics.
        left: The share of viewers who left for good.
        repeats: The share of views of a post that the viewer had seen before.
        creator_gini: The Gini coefficient of views over creators. It is 0 where all have the same
            number, and near 1 where one has all.
        quota_met: The share of new posts that got their quota of impressions within two days.
        short_pages: The number of pages with fewer posts than were requested.
        degraded: The share of pages that the feed marked as degraded.
        cache_hits: The share of hits among the pages of active sessions. It is NaN without a
            cache.
        quick_hits: The same share among pages that were requested while the last queue was kept.
        quick_pages: The share of those pages among all pages. It is NaN without a cache.
        pages: The number of pages.
        pages_per_session: The average number of pages in a session.
        seconds_per_page: The median time from one page of a session to the next.
        daily: The mean watch ratio of each day. It is NaN for a day without views.
    """

    watch_ratio: float
    late_watch_ratio: float
    minutes: float
    likes: float
    match: float
    taste_found: float
    left: float
    repeats: float
    creator_gini: float
    quota_met: float
    short_pages: float
    degraded: float
    cache_hits: float
    quick_hits: float
    quick_pages: float
    pages: float
    pages_per_session: float
    seconds_per_page: float
    daily: tuple[float, ...]


@dataclass(slots=True)
class Tally:
    """The counts of what viewers get and do.

    Attributes:
        population: The viewers and posts.
        behaviour: The behaviour, which knows the hidden match.
        scale: The sizes of the world.
        left: The number of viewers who have left for good.
        pages_at: The times of the pages of each session, in seconds since the start. The key is
            the viewer and the session.
    """

    population: Population
    behaviour: Behaviour
    scale: Scale
    pages_at: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    left: int = 0
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
            taste_found=self._taste_found(),
            left=self.left / len(self.population.viewers),
            repeats=float(again.mean()),
            creator_gini=self._creator_gini(post),
            quota_met=self._quota_met(at, post),
            short_pages=self._short,
            degraded=self._degraded / pages,
            cache_hits=float(np.mean(np.concatenate(active))) if active else float("nan"),
            quick_hits=float(np.mean(self._quick)) if self._quick else float("nan"),
            quick_pages=len(self._quick) / pages if self._hits else float("nan"),
            pages=pages,
            pages_per_session=pages / len(self.pages_at),
            seconds_per_page=float(np.median(gaps)) if gaps else float("nan"),
            daily=tuple(_mean(ratio[day == d]) for d in range(self.scale.days)),
        )

    def _taste_found(self) -> float:
        """Return the share of viewers whose taste was found, among those who had two days or more.

        The taste of a viewer who never came to that page counts as not found.
        """
        latest = self.scale.seconds - 2 * DAY_S
        had_time = [i for i, v in enumerate(self.population.viewers) if v.joined_s <= latest]
        return float(np.mean([self._found.get(viewer, False) for viewer in had_time]))

    def _creator_gini(self, post: NDArray[np.int_]) -> float:
        makers = np.array([p.creator for p in self.population.posts])
        views = np.bincount(makers[post], minlength=len(self.population.creators))
        return gini(views[np.unique(makers)])

    def _quota_met(self, at: NDArray[np.float64], post: NDArray[np.int_]) -> float:
        published = np.array([p.published_s for p in self.population.posts])
        soon = at - published[post] <= QUOTA_DAYS * DAY_S
        shown = np.bincount(post[soon], minlength=len(published))
        new = (published >= 0) & (published <= self.scale.seconds - QUOTA_DAYS * DAY_S)
        return float((shown[new] >= self.scale.quota).mean()) if new.any() else float("nan")


def gini(values: NDArray[np.int_]) -> float:
    """Return the Gini coefficient of counts, from 0 if all are alike to near 1 if one has all."""
    ordered = np.sort(values)
    n, whole = len(ordered), ordered.sum()
    if not whole:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * whole))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
