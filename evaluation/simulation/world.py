"""The simulated time, in which posts are published and viewers come, scroll and leave."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from evaluation.clock import START
from evaluation.simulation.arms import Session, Slot, View
from evaluation.simulation.behaviour import tires
from evaluation.simulation.scale import DAY_S, HOUR_S, MINUTE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from evaluation.simulation.arms import Arm
    from evaluation.simulation.behaviour import Behaviour
    from evaluation.simulation.population import Population, Viewer
    from evaluation.simulation.scale import Scale
    from evaluation.simulation.tally import Tally

_PREFETCH = 3  # clients ask for the next page when so many posts of a page are left
_SWIPE_S = 0.6
_BATCH_S = 5.0  # clients report a view so long after its end, in one batch with those in between
_BREAK_S = 20 * MINUTE_S  # the shortest break between two visits
# How likely a visit begins in each local hour. The peaks are at lunch and in the evening.
_HOURS = (2, 1, 1, 1, 1, 2, 4, 6, 6, 5, 4, 5, 7, 6, 5, 5, 6, 8, 10, 12, 13, 12, 9, 5)


@dataclass(slots=True)
class _Visit:
    """A session in progress, with the posts on the screen and the views not reported yet."""

    session: Session
    planned: int  # the number of posts after which it ends
    slots: list[Slot] = field(default_factory=list)
    untold: list[View] = field(default_factory=list)
    watched: int = 0
    boredom: float = 0.0
    asks_s: float = 0.0  # the time of its next request for a page


class World:
    """One population under one feed.

    Args:
        population: The viewers and posts.
        behaviour: The reactions of viewers.
        arm: The feed.
        scale: The sizes of the world.
        tally: The counts that are kept.
    """

    def __init__(
        self,
        population: Population,
        behaviour: Behaviour,
        arm: Arm,
        scale: Scale,
        tally: Tally,
    ) -> None:
        self._population = population
        self._behaviour = behaviour
        self._arm = arm
        self._scale = scale
        self._tally = tally
        self._starts = [
            visit_starts(viewer, population.seed, i, scale.seconds)
            for i, viewer in enumerate(population.viewers)
        ]
        self._visits = [0] * len(population.viewers)
        self._bored_visits = [0] * len(population.viewers)  # for each viewer, those in a row
        self._published = 0
        self._upkept_s = 0.0

    def run(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """Let all of the simulated time pass.

        Args:
            progress: Called now and then with the share of the time that has passed.
        """
        # At the same moment viewers act in the order of their index.
        agenda: list[tuple[float, int, _Visit]] = []
        for viewer in range(len(self._population.viewers)):
            self._plan_visit(agenda, viewer, 0.0)
        self._publish(0.0)
        told = 0.0
        while agenda:
            now_s, viewer, visit = heapq.heappop(agenda)
            self._publish(now_s)
            self._keep_up(now_s)
            until_s = self._scroll(visit, now_s)
            if until_s is not None:
                heapq.heappush(agenda, (until_s, viewer, visit))
            elif self._comes_back(visit):
                self._plan_visit(agenda, viewer, now_s + _BREAK_S)
            if now_s - told > self._scale.seconds / 200:
                told = now_s
                progress(min(now_s / self._scale.seconds, 1.0))
        progress(1.0)

    def _comes_back(self, visit: _Visit) -> bool:
        """Tell whether a viewer returns. Viewers leave for good if bored for too many visits."""
        viewer = visit.session.viewer
        bored = visit.boredom >= self._population.viewers[viewer].patience
        self._bored_visits[viewer] = self._bored_visits[viewer] + 1 if bored else 0
        leaves = 0 < self._scale.leave_after <= self._bored_visits[viewer]
        if leaves:
            self._tally.left.add(viewer)
        return not leaves

    def _plan_visit(self, agenda: list[tuple[float, int, _Visit]], viewer: int, at: float) -> None:
        starts = self._starts[viewer]
        while starts and starts[0] < at:
            starts.pop(0)
        if starts:
            number = self._visits[viewer]
            self._visits[viewer] += 1
            draw = Random(f"{self._population.seed}/visit/{viewer}/{number}")
            usual = self._population.viewers[viewer].session_posts
            planned = max(int(draw.lognormvariate(0.0, 0.6) * usual), 1)
            visit = _Visit(Session(viewer, number), planned)
            heapq.heappush(agenda, (starts.pop(0), viewer, visit))

    def _publish(self, now_s: float) -> None:
        posts, first = self._population.posts, self._published
        while self._published < len(posts) and posts[self._published].published_s <= now_s:
            self._published += 1
        if self._published > first:
            self._arm.publish(range(first, self._published))

    def _keep_up(self, now_s: float) -> None:
        if now_s - self._upkept_s >= self._scale.upkeep_minutes * MINUTE_S:
            self._upkept_s = now_s
            self._arm.upkeep(now_s)

    def _scroll(self, visit: _Visit, now_s: float) -> float | None:
        """Tell the feed what was watched, get a page where it is time, and watch on.

        Returns:
            The time of the client's next request of any kind, or None where the visit is over.
        """
        session = visit.session
        if now_s < visit.asks_s:
            ended = [view for view in visit.untold if _ends(view) <= now_s]
            visit.untold = visit.untold[len(ended) :]
            self._arm.learn(session, ended, now_s)
            return _next_request(visit)
        if visit.untold:
            self._arm.learn(session, visit.untold, now_s)
            visit.untold = []
        over = visit.watched >= visit.planned
        over = over or visit.boredom >= self._population.viewers[session.viewer].patience
        if over:
            return None
        answer = self._arm.page(session, now_s)
        session.pages += 1
        self._tally.paged(session, answer, now_s)
        if not answer.slots:
            return None
        visit.slots += answer.slots
        visit.asks_s = self._watch(visit, now_s)
        return _next_request(visit)

    def _watch(self, visit: _Visit, now_s: float) -> float:
        viewer = visit.session.viewer
        patience = self._population.viewers[viewer].patience
        while len(visit.slots) > _PREFETCH:
            if visit.watched >= visit.planned or visit.boredom >= patience:
                break
            slot = visit.slots.pop(0)
            outcome = self._behaviour.watch(viewer, slot.post, now_s)
            view = View(slot, now_s, outcome)
            visit.untold.append(view)
            visit.watched += 1
            visit.boredom = tires(outcome, visit.boredom)
            self._tally.viewed(visit.session, view)
            now_s += outcome.play_ms / 1000 + _SWIPE_S
        return now_s


def _ends(view: View) -> float:
    return view.seen_s + view.outcome.play_ms / 1000


def _next_request(visit: _Visit) -> float:
    """Return when the next batch or the next page is due, whichever comes first."""
    if not visit.untold:
        return visit.asks_s
    return min(_ends(visit.untold[0]) + _BATCH_S, visit.asks_s)


def visit_starts(viewer: Viewer, seed: int, index: int, seconds: float) -> list[float]:
    """Return when a viewer would come, in seconds since the start, under every feed alike."""
    draw = Random(f"{seed}/visits/{index}")
    starts = []
    first_day = int(viewer.joined_s // DAY_S)
    offset_s = _zone_offset_s(viewer.timezone, START)
    for day in range(first_day, int(seconds // DAY_S) + 1):
        for _ in range(_poisson(draw, viewer.sessions_per_day)):
            hour = draw.choices(range(24), weights=_HOURS)[0] + draw.random()
            at = day * DAY_S + (hour * HOUR_S - offset_s) % DAY_S
            if viewer.joined_s <= at < seconds:
                starts.append(at)
    return sorted(starts)


def _poisson(draw: Random, mean: float) -> int:
    """Draw a Poisson number, by counting arrivals with exponential gaps in one unit of time."""
    count, at = 0, draw.expovariate(mean)
    while at < 1.0:
        count += 1
        at += draw.expovariate(mean)
    return count


def _zone_offset_s(zone: str, at: datetime) -> float:
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset else 0.0
