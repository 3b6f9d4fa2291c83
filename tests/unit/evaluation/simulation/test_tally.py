"""The figures say of a few known views what one would count by hand."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from evaluation.simulation.arms import Answer, Session, Slot, View
from evaluation.simulation.behaviour import Behaviour, Outcome
from evaluation.simulation.figures import Figures
from evaluation.simulation.population import Population, populate
from evaluation.simulation.scale import DAY_S, SMALL
from evaluation.simulation.tally import TASTE_PAGE, Tally, gini


@pytest.fixture
def population() -> Population:
    return populate(SMALL, 5)


@pytest.fixture
def tally(population: Population) -> Tally:
    return Tally(population, Behaviour(population), SMALL)


def page(*posts: int, hit: bool | None = None, degraded: str | None = None) -> Answer:
    return Answer(tuple(Slot(p, "fresh", i) for i, p in enumerate(posts)), hit, degraded)


def view(post: int, ratio: float, *, at: float = 0.0, liked: bool = False) -> View:
    outcome = Outcome(int(ratio * 60_000), ratio, liked, False, False, False, False, False)
    return View(Slot(post, "fresh", 0), at, outcome)


def test_means_are_over_views(tally: Tally, population: Population) -> None:
    session = Session(0, 0)
    tally.paged(session, page(*range(12)), 0.0)
    for shown in (view(0, 1.0, liked=True), view(1, 0.5), view(0, 0.0, at=2.5 * DAY_S)):
        tally.viewed(session, shown)
    found = tally.figures()
    assert found.watch_ratio == pytest.approx(0.5)
    assert found.late_watch_ratio == 0.0
    assert found.likes == pytest.approx(100 / 3)
    assert found.repeats == pytest.approx(1 / 3)
    assert found.daily[0] == pytest.approx(0.75)
    assert math.isnan(found.daily[1])
    assert found.daily[2] == 0.0
    lived = sum(SMALL.days - v.joined_s / DAY_S for v in population.viewers)
    assert found.minutes == pytest.approx(1.5 / lived)


def test_the_figures_of_each_viewer_and_post_are_those_of_all(
    tally: Tally, population: Population
) -> None:
    for viewer in (0, 2):
        session = Session(viewer, 0)
        tally.paged(session, page(*range(12)), 0.0)
        for shown in (view(0, 1.0), view(1, 0.5)):
            tally.viewed(session, shown)
    found = tally.figures()
    each = found.each
    assert (each.watch_ratio[0], each.watch_ratio[2]) == (0.75, 0.75)
    assert math.isnan(each.watch_ratio[1])
    assert len(each.watch_ratio) == len(each.minutes) == len(population.viewers)
    assert np.mean(each.minutes) == pytest.approx(found.minutes)
    assert np.nanmean(each.taste_found) == found.taste_found
    assert np.mean(each.quota_met) == found.quota_met


def test_figures_survive_the_way_from_another_process(tally: Tally) -> None:
    tally.paged(Session(0, 0), page(*range(12)), 0.0)
    tally.viewed(Session(0, 0), view(0, 1.0))
    found = tally.figures()
    again = Figures.from_document(json.loads(json.dumps(asdict(found))))
    assert repr(again) == repr(found), "NaN equals nothing, so their texts are compared"


def test_short_and_degraded_pages_are_counted(tally: Tally) -> None:
    session = Session(0, 0)
    tally.viewed(session, view(0, 1.0))
    tally.paged(session, page(*range(12)), 0.0)
    tally.paged(session, page(*range(11), degraded="catalogue"), 30.0)
    found = tally.figures()
    assert (found.short_pages, found.degraded, found.pages) == (1, 0.5, 2)
    assert (found.pages_per_session, found.seconds_per_page) == (2.0, 30.0)


def test_cache_hits_are_counted_in_sessions_of_two_pages_and_more(tally: Tally) -> None:
    tally.viewed(Session(0, 0), view(0, 1.0))
    for hit in (False, True, True, False):
        tally.paged(Session(0, 0), page(*range(12), hit=hit), 0.0)
    tally.paged(Session(1, 0), page(*range(12), hit=False), 0.0)
    assert tally.figures().cache_hits == 0.5


def test_pages_asked_for_while_the_queue_lived_are_counted_apart(tally: Tally) -> None:
    tally.viewed(Session(0, 0), view(0, 1.0))
    asked = [(0.0, False), (58.0, True), (59.0, False), (60.0, False), (200.0, False)]
    for at, hit in asked:
        tally.paged(Session(0, 0), page(*range(12), hit=hit), at)
    tally.paged(Session(1, 0), page(*range(12), hit=False), 61.0)
    found = tally.figures()
    # those at 58 s and, after the queue of 59 s, at 60 s
    assert found.quick_hits == 0.5
    assert found.quick_pages == pytest.approx(2 / 6)


def test_without_a_cache_there_is_no_hit_rate(tally: Tally) -> None:
    tally.viewed(Session(0, 0), view(0, 1.0))
    tally.paged(Session(0, 0), page(*range(12)), 0.0)
    tally.paged(Session(0, 0), page(*range(12)), 0.0)
    found = tally.figures()
    assert all(map(math.isnan, (found.cache_hits, found.quick_hits, found.quick_pages)))


@pytest.mark.parametrize(("liked", "found"), [(7, 1.0), (6, 0.0)])
def test_a_taste_is_found_where_most_of_the_fifth_page_is_of_its_top_topics(
    tally: Tally, population: Population, liked: int, found: float
) -> None:
    top = population.viewers[0].top_topics
    ours = [i for i, p in enumerate(population.posts) if p.topic in top]
    others = [i for i, p in enumerate(population.posts) if p.topic not in top]
    tally.viewed(Session(0, 0), view(0, 1.0))
    for nth in range(1, TASTE_PAGE + 2):
        posts = [*ours[:liked], *others[: 12 - liked]] if nth == TASTE_PAGE else others[:12]
        tally.paged(Session(0, nth), page(*posts), 0.0)
    had_time = sum(v.joined_s <= SMALL.seconds - 2 * DAY_S for v in population.viewers)
    assert tally.figures().taste_found == pytest.approx(found / had_time)


def test_a_quota_counts_impressions_of_the_first_two_days_alone(
    tally: Tally, population: Population
) -> None:
    new = [i for i, p in enumerate(population.posts) if 0 <= p.published_s <= DAY_S]
    for post, days in ((new[0], 1.9), (new[1], 2.1)):
        for viewer in range(SMALL.quota):
            at = population.posts[post].published_s + days * DAY_S
            tally.viewed(Session(viewer, 0), view(post, 0.5, at=at))
    tally.paged(Session(0, 0), page(*range(12)), 0.0)
    assert tally.figures().quota_met == pytest.approx(1 / len(new))


def test_the_gini_coefficient_is_0_for_equals_and_near_1_where_one_has_all() -> None:
    assert gini(np.array([5, 5, 5, 5])) == pytest.approx(0.0)
    assert gini(np.array([0, 0, 0, 12])) == pytest.approx(0.75)
    assert gini(np.array([1, 3])) == pytest.approx(0.25)
    assert gini(np.array([0, 0])) == 0.0
