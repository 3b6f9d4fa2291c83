"""Simulated time passes in order, and clients tell the feed what was watched before they ask on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from evaluation.simulation.arms import Answer, Session, View
from evaluation.simulation.behaviour import Behaviour
from evaluation.simulation.population import Population, populate
from evaluation.simulation.references import Chronological, Shuffled
from evaluation.simulation.scale import DAY_S, MINUTE_S, SMALL
from evaluation.simulation.tally import Tally
from evaluation.simulation.world import World, visit_starts

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 3


class Recorder(Chronological):
    """A feed that notes how it is called."""

    def __init__(self, population: Population, page_size: int) -> None:
        super().__init__(population, page_size)
        self.times: list[float] = []
        self.out: list[int] = []
        self.shown: dict[tuple[int, int], list[int]] = {}
        self.told: dict[tuple[int, int], list[View]] = {}
        self.upkept: list[float] = []
        self.left_when_asked: list[int] = []

    def publish(self, posts: Sequence[int]) -> None:
        super().publish(posts)
        self.out += posts

    def page(self, session: Session, now_s: float) -> Answer:
        self.times.append(now_s)
        key = (session.viewer, session.number)
        shown = self.shown.setdefault(key, [])
        self.left_when_asked.append(len(shown) - len(self.told.get(key, [])))
        answer = super().page(session, now_s)
        shown += [slot.post for slot in answer.slots]
        return answer

    def learn(self, session: Session, views: Sequence[View], now_s: float) -> None:
        self.times.append(now_s)
        assert views
        assert all(view.seen_s <= now_s for view in views)
        super().learn(session, views, now_s)
        self.told.setdefault((session.viewer, session.number), []).extend(views)

    def upkeep(self, now_s: float) -> None:
        self.upkept.append(now_s)


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(SMALL, SEED)


@pytest.fixture(scope="module")
def feed(population: Population) -> Recorder:
    recorder = Recorder(population, SMALL.page_size)
    behaviour = Behaviour(population)
    tally = Tally(population, behaviour, SMALL)
    World(population, behaviour, recorder, SMALL, tally).run()
    return recorder


def test_time_never_runs_backwards(feed: Recorder) -> None:
    assert feed.times == sorted(feed.times)


def test_posts_are_published_in_order_and_in_time(feed: Recorder, population: Population) -> None:
    assert feed.out == list(range(len(feed.out)))
    due = [i for i, p in enumerate(population.posts) if p.published_s <= feed.times[-1]]
    assert feed.out == due


def test_the_next_page_is_asked_for_when_three_posts_are_left(feed: Recorder) -> None:
    assert set(feed.left_when_asked) == {0, 3}


def test_what_was_watched_is_told_in_order_and_nothing_else(feed: Recorder) -> None:
    assert feed.told
    for key, views in feed.told.items():
        watched = [view.slot.post for view in views]
        assert watched == feed.shown[key][: len(watched)]


def test_upkeep_runs_as_often_as_said(feed: Recorder) -> None:
    gaps = np.diff(feed.upkept)
    assert len(gaps) > 10
    assert gaps.min() >= SMALL.upkeep_minutes * MINUTE_S


def test_the_same_viewers_come_under_every_feed_with_the_same_reactions(
    population: Population,
) -> None:
    behaviour = Behaviour(population)
    visitors = []
    for feed in (Recorder(population, 12), Shuffled(population, 12)):
        tally = Tally(population, behaviour, SMALL)
        World(population, behaviour, feed, SMALL, tally).run()
        visitors.append({key[0] for key in tally.pages_at})
    assert visitors[0] == visitors[1]


def test_visits_begin_after_arrival_and_within_the_simulated_days(population: Population) -> None:
    for i, viewer in enumerate(population.viewers):
        starts = visit_starts(viewer, SEED, i, SMALL.seconds)
        assert starts == sorted(starts)
        assert all(viewer.joined_s <= at < SMALL.seconds for at in starts)


def test_visits_are_as_frequent_as_a_viewers_habit(population: Population) -> None:
    viewer = max(population.viewers, key=lambda v: v.sessions_per_day)
    days = 400
    starts = visit_starts(viewer, SEED, 0, days * DAY_S)
    per_day = len(starts) / (days - viewer.joined_s / DAY_S)
    assert per_day == pytest.approx(viewer.sessions_per_day, rel=0.2)


def test_a_feed_without_posts_ends_the_visit(population: Population) -> None:
    class Empty(Recorder):
        def page(self, session: Session, now_s: float) -> Answer:  # noqa: ARG002  # the protocol
            return Answer(())

    behaviour = Behaviour(population)
    tally = Tally(population, behaviour, SMALL)
    World(population, behaviour, Empty(population, 12), SMALL, tally).run()
    assert tally.pages_at


def test_progress_grows_to_the_whole(population: Population) -> None:
    behaviour = Behaviour(population)
    shares: list[float] = []
    tally = Tally(population, behaviour, SMALL)
    World(population, behaviour, Recorder(population, 12), SMALL, tally).run(shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_viewers_who_are_bored_too_often_leave_for_good(population: Population) -> None:
    behaviour = Behaviour(population)

    def live(leave_after: int) -> Tally:
        scale = replace(SMALL, leave_after=leave_after)
        tally = Tally(population, behaviour, scale)
        World(population, behaviour, Recorder(population, 12), scale, tally).run()
        return tally

    patient, touchy = live(0), live(1)
    assert patient.left == set()
    assert 0 < len(touchy.left) <= len(population.viewers)
    assert len(touchy.pages_at) < len(patient.pages_at)
    found = touchy.figures()
    assert found.left == len(touchy.left) / len(population.viewers)
    assert {i for i, left in enumerate(found.each.left) if left} == touchy.left
