"""Viewers behave by their hidden taste, and the same under every feed."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.simulation.behaviour import Behaviour, tires
from evaluation.simulation.population import Population, populate
from evaluation.simulation.scale import DAY_S, SMALL


@pytest.fixture(scope="module")
def world() -> Population:
    return populate(SMALL, 3)


@pytest.fixture(scope="module")
def behaviour(world: Population) -> Behaviour:
    return Behaviour(world)


def test_a_viewer_does_the_same_with_a_post_whoever_shows_it(world: Population) -> None:
    first, second = Behaviour(world), Behaviour(world)
    for post in range(20):
        assert first.watch(2, post, DAY_S) == second.watch(2, post, DAY_S)


def test_what_was_watched_is_what_was_played_and_never_more_than_all(
    world: Population, behaviour: Behaviour
) -> None:
    for viewer in range(len(world.viewers)):
        for post, made in enumerate(world.posts):
            outcome = behaviour.watch(viewer, post, DAY_S)
            assert outcome.play_ms >= 500, "an impression"
            assert outcome.play_ms <= 10 * made.duration_ms
            assert outcome.ratio == pytest.approx(min(outcome.play_ms / made.duration_ms, 1.0))


def test_more_is_watched_and_liked_of_what_appeals_more(
    world: Population, behaviour: Behaviour
) -> None:
    appeal, ratio, liked = [], [], []
    for viewer in range(len(world.viewers)):
        appeals = behaviour.appeal(viewer, DAY_S)
        for post in range(len(world.posts)):
            outcome = behaviour.watch(viewer, post, DAY_S)
            appeal.append(appeals[post])
            ratio.append(outcome.ratio)
            liked.append(outcome.liked)
    top = np.array(appeal) > np.quantile(appeal, 0.8)
    assert np.mean(np.array(ratio)[top]) > 1.5 * np.mean(np.array(ratio)[~top])
    assert np.mean(np.array(liked)[top]) > 2 * np.mean(np.array(liked)[~top])


def test_a_post_appeals_less_as_it_ages(world: Population, behaviour: Behaviour) -> None:
    start, later = behaviour.appeal(0, 0.0), behaviour.appeal(0, 30 * DAY_S)
    out = np.array([p.published_s <= 0 for p in world.posts])
    assert (later[out] < start[out]).all()


def test_appeal_lies_between_0_and_1(world: Population, behaviour: Behaviour) -> None:
    for viewer in range(len(world.viewers)):
        appeal = behaviour.appeal(viewer, 0.0)
        assert appeal.min() >= 0.0
        assert appeal.max() <= 1.0


def test_skipped_posts_tire_and_watched_ones_revive(behaviour: Behaviour) -> None:
    outcomes = [behaviour.watch(0, post, 0.0) for post in range(60)]
    skipped = min(outcomes, key=lambda o: o.ratio)
    watched = max(outcomes, key=lambda o: o.ratio)
    assert tires(skipped, 3.0) == 4.0
    assert tires(watched, 3.0) == 3.0 - 2.0 * watched.ratio
    assert tires(watched, 0.5) == max(0.5 - 2.0 * watched.ratio, 0.0)


def test_a_taste_that_drifts_is_the_first_at_the_start_and_the_later_one_at_the_end() -> None:
    people = populate(SMALL, 1)
    steady, drifting = Behaviour(people), Behaviour(people, drift=1.0, seconds=SMALL.seconds)
    everyone, posts = np.arange(8), np.arange(8)

    def match(behaviour: Behaviour, at: float) -> list[float]:
        found: list[float] = behaviour.match(everyone, posts, np.full(8, at)).tolist()
        return found

    assert match(drifting, 0.0) == match(steady, 0.0) == match(steady, SMALL.seconds)
    later = [
        float(people.viewers[i].later_taste @ people.posts[i].topics) for i in range(len(everyone))
    ]
    assert match(drifting, SMALL.seconds) == pytest.approx(later)
    assert match(drifting, SMALL.seconds) != pytest.approx(match(steady, 0.0))
