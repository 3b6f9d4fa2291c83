from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from functions.feed_ranker.retrieval.flag_reader import EVERY_S, FlagReader
from shared.errors import DatabaseUnavailableError
from shared.flags import FEED_FLAG
from shared.postgres import Statement
from shared.ranking_config import RankingConfig
from shared.variants import CHRONOLOGICAL, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

VIEWER = UUID(int=1)
OWN = Statement(b"SELECT 1")


@dataclass
class World:
    """Postgres with flags in it, and a clock."""

    flags: list[list[Any]] = field(default_factory=list)
    norms: list[list[float]] = field(default_factory=list)
    mix: list[float] = field(default_factory=list)
    gone: bool = False
    now: float = 1_000.0
    sent: list[int] = field(default_factory=list)  # statements of each round trip
    faults: list[tuple[str, str]] = field(default_factory=list)

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        assert (viewer, budget_s) == (VIEWER, 1.0)
        self.sent.append(len(statements))
        if self.gone:
            raise DatabaseUnavailableError
        return [[(1,)] if s is OWN else [(self.flags, self.norms, self.mix)] for s in statements]

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def steering(world: World) -> FlagReader:
    fault: Callable[[str, str], None] = lambda name, reason: world.faults.append((name, reason))  # noqa: E731
    return FlagReader(world, Policy(), RankingConfig(), fault, lambda: world.now)  # type: ignore[arg-type]  # a fake


def ask(steering: FlagReader) -> None:
    assert steering.run(OWN, OWN, viewer=VIEWER, budget_s=1.0) == [[(1,)], [(1,)]]


def test_the_flags_come_along_with_the_first_round_trip_and_then_once_a_minute(
    world: World, steering: FlagReader
) -> None:
    for seconds in (0, 1, 58.9, 0.1, 1, 59, 0):
        world.now += seconds
        ask(steering)
    assert world.sent == [3, 2, 2, 3, 2, 3, 2]


def test_what_was_read_steers(world: World, steering: FlagReader) -> None:
    assert steering.decide(VIEWER).policy.variant == "control"
    world.flags = [[FEED_FLAG, False, 100, {}]]
    world.norms = [[0, 1e9, 0.5e9]]
    ask(steering)
    assert steering.decide(VIEWER).policy.variant == CHRONOLOGICAL
    assert steering.ranking.watch[0].mean == pytest.approx(0.5, abs=1e-6)
    assert steering.ranking.watch[1] == RankingConfig().watch[1]


def test_norms_do_not_pile_up_from_one_read_to_the_next(world: World, steering: FlagReader) -> None:
    world.norms = [[0, 20.0, 2.0]]
    ask(steering)
    first = steering.ranking
    world.now += EVERY_S
    ask(steering)
    assert steering.ranking == first


def test_a_failed_read_keeps_what_was_known_and_is_soon_repeated(
    world: World, steering: FlagReader
) -> None:
    world.flags = [[FEED_FLAG, False, 100, {}]]
    ask(steering)
    world.now += EVERY_S
    world.gone = True
    with pytest.raises(DatabaseUnavailableError):
        ask(steering)
    assert steering.decide(VIEWER).policy.variant == CHRONOLOGICAL
    world.gone = False
    world.flags = []
    ask(steering)  # not again at once: the read may be what is slow
    world.now += 5
    ask(steering)
    assert world.sent == [3, 3, 2, 3]
    assert steering.decide(VIEWER).policy.variant == "control"


def test_a_clock_that_goes_back_does_not_put_the_next_read_off(
    world: World, steering: FlagReader
) -> None:
    ask(steering)
    world.now -= 3_600
    ask(steering)
    assert world.sent == [3, 3]


def test_a_flag_that_cannot_be_followed_is_reported_at_every_read(
    world: World, steering: FlagReader
) -> None:
    world.flags = [["broken", True, 100, {"variant": "nothing"}]]
    for _ in range(3):
        ask(steering)
    assert [name for name, _ in world.faults] == ["broken"]
    world.now += EVERY_S
    ask(steering)
    assert [name for name, _ in world.faults] == ["broken", "broken"]
