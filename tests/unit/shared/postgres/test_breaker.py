from __future__ import annotations

from shared.postgres.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_a_call_has_waited_in_vain_the_next_is_refused_and_a_later_one_may_try() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    assert breaker.admits()
    breaker.timed_out()
    assert not breaker.admits()
    clock.now += 1.0
    assert breaker.admits()
    breaker.answered()
    assert breaker.admits()


def test_of_those_who_come_after_a_pause_one_tries() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.timed_out()
    clock.now += 1.0
    assert [breaker.admits() for _ in range(3)] == [True, False, False]


def test_pauses_double_up_to_eight_seconds_and_begin_anew_after_an_answer() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    pauses = []
    for _ in range(6):
        breaker.timed_out()
        began = clock.now
        while not breaker.admits():
            clock.now += 0.5
        pauses.append(clock.now - began)
    assert pauses == [1, 2, 4, 8, 8, 8]
    breaker.answered()
    breaker.timed_out()
    clock.now += 1.0
    assert breaker.admits()


def test_a_caller_that_never_reports_back_keeps_others_out_for_one_pause_only() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.timed_out()
    clock.now += 1.0
    assert breaker.admits()
    clock.now += 1.0
    assert breaker.admits()
