"""Simple feeds for comparison, which read the simulated catalogue and know every post.

The page size, the never-repeat rule and the handling of refused posts are those of the real feed.
These feeds have no ladder, no variety and no cache, and they count at once what viewers do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.simulation.arms import Answer, Session, Slot, View
from evaluation.simulation.scale import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from evaluation.simulation.behaviour import Behaviour
    from evaluation.simulation.population import Population

HALF_LIFE_H = 24.0
_SESSION_LAST = 1e12  # posts of this session are repeated after all others


class Reference:
    """A feed that shows the unseen posts with the highest score. Subclasses define the score.

    Args:
        population: The population whose posts it shows.
        page_size: The number of posts on a page.
    """

    name = ""

    def __init__(self, population: Population, page_size: int) -> None:
        self._page_size = page_size
        self._creators = np.array([p.creator for p in population.posts])
        shape = (len(population.viewers), len(population.posts))
        self._out: NDArray[np.bool_] = np.zeros(shape[1], dtype=bool)
        self._seen_at: NDArray[np.float64] = np.full(shape, -np.inf)
        self._refused: NDArray[np.bool_] = np.zeros(shape, dtype=bool)
        self._served: dict[tuple[int, int], NDArray[np.bool_]] = {}

    def publish(self, posts: Sequence[int]) -> None:
        """Take in posts that have just been published."""
        self._out[list(posts)] = True

    def page(self, session: Session, now_s: float) -> Answer:
        """Return the unseen posts that score highest, then those seen longest ago."""
        viewer, key = session.viewer, (session.viewer, session.number)
        served = self._served.get(key)
        if served is None:
            served = self._served[key] = np.zeros_like(self._out)
        eligible = self._out & ~self._refused[viewer]
        unseen = eligible & ~served & np.isneginf(self._seen_at[viewer])
        score = np.where(unseen, self.score(session, now_s), -np.inf)
        best = _highest(score, self._page_size)
        if len(best) < self._page_size:
            # A post that was served but not seen counts as if it was seen at the start.
            ago = now_s - np.maximum(self._seen_at[viewer], 0.0)
            again = np.where(eligible & ~unseen, ago - _SESSION_LAST * served, -np.inf)
            best = [*best, *_highest(again, self._page_size - len(best))]
        served[best] = True
        return Answer(tuple(Slot(post, self.name, position) for position, post in enumerate(best)))

    def learn(self, session: Session, views: Sequence[View], now_s: float) -> None:  # noqa: ARG002  # the arm's protocol
        """Note what was seen and refused."""
        for view in views:
            post, viewer = view.slot.post, session.viewer
            self._seen_at[viewer, post] = view.seen_s
            if view.outcome.refused or view.outcome.reported:
                self._refused[viewer, post] = True
            if view.outcome.hidden:
                self._refused[viewer] |= self._creators == self._creators[post]

    def upkeep(self, now_s: float) -> None:
        """Do nothing, because this feed has no scheduled work."""

    def score(self, session: Session, now_s: float) -> NDArray[np.float64]:
        """Return the score of every post by index."""
        raise NotImplementedError


class Chronological(Reference):
    """A feed that shows the newest posts first."""

    name = "chronological"

    def __init__(self, population: Population, page_size: int) -> None:
        super().__init__(population, page_size)
        self._published = np.array([p.published_s for p in population.posts])

    def score(self, session: Session, now_s: float) -> NDArray[np.float64]:  # noqa: ARG002  # the same for all
        """Return the time of publication as the score."""
        return self._published


class Trending(Reference):
    """A feed of the hottest posts for all viewers alike, by the hot score of the real feed."""

    name = "trending"

    def __init__(self, population: Population, page_size: int) -> None:
        super().__init__(population, page_size)
        # This is the logarithm of the decayed sum, in half-lives. A new post starts with one unit.
        self._hot = np.array([p.published_s for p in population.posts]) / (HALF_LIFE_H * HOUR_S)

    def learn(self, session: Session, views: Sequence[View], now_s: float) -> None:
        """Add what viewers did to the posts' heat."""
        super().learn(session, views, now_s)
        for view in views:
            done = view.outcome
            weight = done.ratio + 2.0 * done.liked + 3.0 * done.commented + 4.0 * done.shared
            if weight > 0:
                gained = np.log2(weight) + view.seen_s / (HALF_LIFE_H * HOUR_S)
                self._hot[view.slot.post] = np.logaddexp2(self._hot[view.slot.post], gained)

    def score(self, session: Session, now_s: float) -> NDArray[np.float64]:  # noqa: ARG002  # the same for all
        """Return the decayed engagement as the score."""
        return self._hot


class Shuffled(Reference):
    """A feed in which all posts are equally likely."""

    name = "random"

    def __init__(self, population: Population, page_size: int) -> None:
        super().__init__(population, page_size)
        self._seed = population.seed

    def score(self, session: Session, now_s: float) -> NDArray[np.float64]:  # noqa: ARG002  # a draw knows no time
        """Draw new random scores for every page."""
        key = (self._seed, session.viewer, session.number, session.pages)
        return np.random.default_rng(key).random(len(self._out))


class Oracle(Reference):
    """A feed of what appeals most to the viewer.

    No real feed can know the hidden appeal, so that this feed is the upper bound.
    """

    name = "oracle"

    def __init__(self, population: Population, page_size: int, behaviour: Behaviour) -> None:
        super().__init__(population, page_size)
        self._behaviour = behaviour

    def score(self, session: Session, now_s: float) -> NDArray[np.float64]:
        """Return the hidden appeal as the score."""
        return self._behaviour.appeal(session.viewer, now_s)


def _highest(score: NDArray[np.float64], count: int) -> list[int]:
    """Return the indices of the highest finite scores. Ties are ordered by index."""
    order = np.argsort(-score, kind="stable")[:count]
    return [int(i) for i in order if np.isfinite(score[i])]
