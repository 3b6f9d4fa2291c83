"""The feeds that ours is compared with show what they say they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from evaluation.simulation.arms import Session, View
from evaluation.simulation.behaviour import Behaviour, Outcome
from evaluation.simulation.population import Population, populate
from evaluation.simulation.references import Chronological, Oracle, Reference, Shuffled, Trending
from evaluation.simulation.scale import DAY_S, SMALL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evaluation.simulation.arms import Slot

SIZE = 12
SEEN = Outcome(
    play_ms=900,
    ratio=0.1,
    liked=False,
    commented=False,
    shared=False,
    refused=False,
    hidden=False,
    reported=False,
)
KINDS = ("chronological", "trending", "random", "oracle")


@pytest.fixture(scope="module")
def world() -> Population:
    return populate(SMALL, 3)


def make(kind: str, world: Population) -> Reference:
    made: dict[str, Reference] = {
        "chronological": Chronological(world, SIZE),
        "trending": Trending(world, SIZE),
        "random": Shuffled(world, SIZE),
        "oracle": Oracle(world, SIZE, Behaviour(world)),
    }
    return made[kind]


def seen(slots: Iterable[Slot], at: float, outcome: Outcome = SEEN) -> list[View]:
    return [View(slot, at, outcome) for slot in slots]


def posts(slots: Iterable[Slot]) -> list[int]:
    return [slot.post for slot in slots]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_repeats_while_something_is_unseen(kind: str, world: Population) -> None:
    feed = make(kind, world)
    feed.publish(range(80))
    shown: list[int] = []
    for number in range(6):
        session = Session(0, number)
        page = feed.page(session, DAY_S * number)
        feed.learn(session, seen(page.slots, DAY_S * number), DAY_S * number)
        shown += posts(page.slots)
    assert len(shown) == 72
    assert len(set(shown)) == 72


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_full_also_when_all_was_seen(kind: str, world: Population) -> None:
    feed = make(kind, world)
    feed.publish(range(20))
    session = Session(0, 0)
    for number in range(4):
        page = feed.page(session, float(number))
        feed.learn(session, seen(page.slots, float(number)), float(number))
        assert len(set(posts(page.slots))) == SIZE


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_has_come_out_is_shown(kind: str, world: Population) -> None:
    feed = make(kind, world)
    feed.publish(range(30))
    assert max(posts(feed.page(Session(0, 0), 0.0).slots)) < 30


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_post_and_a_hidden_creator_do_not_come_back(kind: str, world: Population) -> None:
    feed = make(kind, world)
    feed.publish(range(80))
    session = Session(0, 0)
    first, second, *_ = feed.page(session, 0.0).slots
    wishes = [
        View(first, 0.0, Outcome(900, 0.1, False, False, False, True, False, False)),
        View(second, 0.0, Outcome(900, 0.1, False, False, False, False, True, False)),
    ]
    feed.learn(session, wishes, 0.0)
    hidden = world.posts[second.post].creator
    for number in range(1, 20):
        for slot in feed.page(Session(0, number), float(number)).slots:
            assert slot.post != first.post
            assert world.posts[slot.post].creator != hidden


def test_the_chronological_feed_shows_the_newest_first(world: Population) -> None:
    feed = make("chronological", world)
    feed.publish(range(50))
    assert posts(feed.page(Session(0, 0), 0.0).slots) == list(range(49, 37, -1))


def test_the_trending_feed_puts_first_what_was_liked(world: Population) -> None:
    feed = make("trending", world)
    feed.publish(range(50))
    slots = feed.page(Session(0, 0), 0.0).slots
    loved = Outcome(9_000, 1.0, True, True, True, False, False, False)
    feed.learn(Session(0, 0), seen(slots[7:8], 0.0, loved), 0.0)
    assert feed.page(Session(1, 0), 1.0).slots[0].post == slots[7].post


def test_the_random_feed_draws_anew_for_every_page_and_the_same_for_the_same(
    world: Population,
) -> None:
    feed, again = make("random", world), make("random", world)
    for each in (feed, again):
        each.publish(range(80))
    assert feed.page(Session(0, 0), 0.0) == again.page(Session(0, 0), 0.0)
    assert posts(feed.page(Session(1, 0), 0.0).slots) != posts(feed.page(Session(2, 0), 0.0).slots)


def test_the_oracle_shows_what_appeals_most(world: Population) -> None:
    feed = make("oracle", world)
    feed.publish(range(60))
    appeal = Behaviour(world).appeal(4, DAY_S)[:60]
    best = np.argsort(-appeal, kind="stable")[:SIZE]
    assert posts(feed.page(Session(4, 0), DAY_S).slots) == best.tolist()
