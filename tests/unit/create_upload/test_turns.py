"""Requests that count against Mux's rate limit, sent when it is their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.create_upload.turns import Turns
from shared.mux import MuxBusyError, MuxRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def turns(waits: Iterable[float | None], slept: list[float], budget_s: float = 5) -> Turns:
    """Turns that come after the given waits; what is slept is noted down."""
    given = iter(waits)

    def take(_per_s: float, max_wait_s: float) -> float | None:
        wait = next(given)
        return wait if wait is not None and wait <= max_wait_s else None

    return Turns(take, 1.0, budget_s, slept.append, lambda: 0.5)


def busy(times: int) -> Callable[[], str]:
    """A request that is refused so many times, and then answered."""
    left = [MuxBusyError] * times

    def request() -> str:
        if left:
            raise left.pop()
        return "made"

    return request


def test_a_request_whose_turn_it_is_does_not_wait() -> None:
    slept: list[float] = []
    assert turns([0.0], slept).ask(busy(0)) == "made"
    assert slept == []


def test_a_request_waits_for_its_turn() -> None:
    slept: list[float] = []
    assert turns([1.5], slept).ask(busy(0)) == "made"
    assert slept == [1.5]


def test_a_busy_mux_is_asked_again_after_a_pause_and_another_turn() -> None:
    slept: list[float] = []
    assert turns([0.5, 0.25, 0.0], slept).ask(busy(2)) == "made"
    assert slept == [0.5, 1.0, 0.25, 1.0]


def test_no_request_waits_beyond_its_budget() -> None:
    for waits, refusals in ([6.0], 0), ([0.0] * 9, 9), ([3.0, 2.5], 1), ([4.5], 1):
        slept: list[float] = []
        with pytest.raises(MuxBusyError):
            turns(waits, slept).ask(busy(refusals))
        assert sum(slept) <= 5


def test_any_other_refusal_is_not_repeated() -> None:
    asked = []

    def refused() -> str:
        asked.append(1)
        raise MuxRefusedError(422, "no")

    with pytest.raises(MuxRefusedError):
        turns([0.0, 0.0], []).ask(refused)
    assert asked == [1]
