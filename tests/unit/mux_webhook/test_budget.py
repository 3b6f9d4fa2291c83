"""Time and pace of calls to Mux."""

from __future__ import annotations

import pytest

from functions.mux_webhook.budget import Budget, OutOfTimeError


class Clock:
    """Goes on only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def budget(
    clock: Clock, seconds: float, post_per_s: float | None = None, other_per_s: float | None = None
) -> Budget:
    ends_at = clock.now + seconds
    return Budget(ends_at, 2.5, post_per_s, other_per_s, clock=clock.read, sleep=clock.sleep)


def test_a_call_lasts_no_longer_than_what_is_left(clock: Clock) -> None:
    one = budget(clock, 3.5)
    assert one.call("GET") == 2.5
    clock.now += 2.5
    assert one.call("POST") == pytest.approx(1.0)
    clock.now += 0.6
    with pytest.raises(OutOfTimeError):
        one.call("GET")


def test_requests_keep_to_the_limits_of_their_verb(clock: Clock) -> None:
    paced = budget(clock, 60, post_per_s=1, other_per_s=5)
    for verb in ("POST", "GET", "DELETE", "POST", "PUT"):
        paced.call(verb)
    assert clock.slept == pytest.approx([0.2, 0.8])


def test_nobody_waits_for_a_turn_that_would_come_too_late(clock: Clock) -> None:
    paced = budget(clock, 1.2, post_per_s=1)
    paced.call("POST")
    with pytest.raises(OutOfTimeError):
        paced.call("POST")
    assert clock.slept == []
