"""The feed's ranking without its machinery, to choose its settings with in seconds.

It follows the shape of `shared.ranking` over posts that a walk would find: heat, neighbours and
momentum. What needs the real thing (creators, taste, rungs, exploration) is left to the replay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from evaluation.replay.baselines import top
from evaluation.replay.crowd import FADING, Crowd, neighbours
from evaluation.replay.metrics import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from evaluation.replay.log import Log
    from evaluation.replay.window import Window


@dataclass(frozen=True)
class Settings:
    """What is to be chosen.

    Attributes:
        scales_s: Half-lives of the heat.
        mix: Their weights; None: learnt.
        learning: How fast weights are learnt, a tick.
        floor: What each weight keeps.
        doubt: Watches that each candidate is given before any was counted.
        range_doublings: How many doublings below the best the engagement part reaches 0.
        covisits_s: Half-lives of the co-visits.
        follow: How much the neighbours count; what is left goes by the heat.
        follow_doubt: Co-visits that a post needs before half of what they say is believed.
        freshness: The weight of momentum against 0.40 for engagement.
        candidates: How many are found by each scale.
        personal: Every so many positions one is taken by the neighbours alone; 0: none.
    """

    scales_s: tuple[float, ...] = (480.0, 3_600.0, 21_600.0, 86_400.0)
    mix: tuple[float, ...] | None = None
    learning: float = 0.05
    floor: float = 0.03
    doubt: float = 1.0
    range_doublings: float = 4.0
    covisits_s: tuple[float, ...] = (7_200.0, 172_800.0)
    follow: float = 0.35
    follow_doubt: float = 5.0
    freshness: float = 0.30
    candidates: int = 60
    personal: int = 6


@dataclass(eq=False)
class Recipe:
    """Ranks the judged watches under some settings.

    Attributes:
        log: What is replayed.
        settings: What is tried.
        weights: Of the scales, as learnt so far.
        history: The weights at every tick of the window.
    """

    log: Log
    settings: Settings
    weights: NDArray[np.float64] = field(init=False)
    history: list[NDArray[np.float64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        scales = len(self.settings.scales_s)
        given = self.settings.mix
        self.weights = np.full(scales, 1.0 / scales) if given is None else np.array(given)

    def rank(
        self, window: Window, progress: Callable[[float], None] = lambda _: None
    ) -> list[list[int]]:
        """The page for each judged watch."""
        crowd = Crowd(self.log, self.settings.scales_s, self.settings.covisits_s)
        published = np.array([post.published_s for post in self.log.posts])
        pages: list[list[int]] = []
        before = crowd.heat.copy()
        for i, at_s, ticked in crowd.follow(max(window.begins - 20_000, 0)):
            if len(pages) == len(window.judged):
                break
            if ticked and self.settings.mix is None:
                self._learn(before, crowd.minutes[0])
                before = crowd.heat.copy()
            if i != window.judged[len(pages)]:
                continue
            open_posts = published < at_s
            open_posts[list(window.seen[len(pages)])] = False
            last = crowd.recent(int(self.log.viewer[i]))
            pages.append(self._page(crowd, open_posts, last, at_s))
            progress(len(pages) / len(window.judged))
        return pages

    def _page(
        self, crowd: Crowd, open_posts: NDArray[np.bool_], last: list[int], at_s: float
    ) -> list[int]:
        settings = self.settings
        follow = np.zeros(len(open_posts))
        for covisits in crowd.covisits.values():
            for post, likely in neighbours(covisits, last, at_s, settings.follow_doubt).items():
                follow[post] += (
                    likely / len(crowd.covisits) / sum(FADING**n for n in range(len(last)))
                )
        found = np.zeros(len(open_posts), dtype=bool)
        for heat in crowd.heat:
            found[top(heat, open_posts, settings.candidates)] = True
        found[top(follow, open_posts & (follow > 0), settings.candidates)] = True
        at = np.flatnonzero(found & open_posts)
        heat = crowd.heat[:, at]
        shares = (heat + settings.doubt) / (heat.sum(axis=1) + settings.doubt * len(at))[:, None]
        doublings = np.log2(
            (1.0 - settings.follow) * (self.weights @ shares) + settings.follow * follow[at]
        )
        engagement = np.clip(1.0 + (doublings - doublings.max()) / settings.range_doublings, 0, 1)
        rates = (heat + 0.25) / np.array(settings.scales_s)[:, None]
        now = self.weights @ rates
        momentum = now / (now + rates[-1])
        score = 0.40 * engagement + settings.freshness * momentum
        order = [int(at[k]) for k in np.argsort(-score, kind="stable")]
        return self._with_personal(order, follow, open_posts)

    def _with_personal(
        self, order: list[int], follow: NDArray[np.float64], open_posts: NDArray[np.bool_]
    ) -> list[int]:
        every = self.settings.personal
        if not every:
            return order[:PAGE]
        ranked = order[: PAGE - PAGE // every]
        allowed = open_posts & (follow > 0.0)
        allowed[ranked] = False
        chosen = top(follow, allowed, PAGE // every)
        page: list[int] = []
        rest = [post for post in order if post not in chosen]
        for position in range(PAGE):
            if (position + 1) % every == 0 and chosen:
                page.append(chosen.pop(0))
            elif rest:
                page.append(rest.pop(0))
        return page

    def _learn(self, heat: NDArray[np.float64], watched: NDArray[np.int64]) -> None:
        """Let each scale gain by how likely it held what was watched since the last tick."""
        if not len(watched):
            return
        n = heat.shape[1]
        shares = (heat + 0.01) / (heat.sum(axis=1) + 0.01 * n)[:, None]
        gains = np.log2(shares[:, watched]).mean(axis=1)
        step = np.clip(
            self.settings.learning * (gains - gains.max()) * np.sqrt(len(watched)), -0.5, 0
        )
        weights = self.weights * np.exp(step)
        weights = np.maximum(weights / weights.sum(), self.settings.floor)
        self.weights = weights / weights.sum()
        self.history.append(self.weights)
