from __future__ import annotations

import subprocess
import sys

import psutil

from local.demo.__main__ import judge, still_running
from local.demo.promises import Finding, Line, Promise, Tally


def test_claims_are_counted_in_the_order_of_promises() -> None:
    tally = Tally()
    tally.add([Finding(Promise.RANKING, "in order", holds) for holds in (True, False, True)])
    tally.add([Finding(Promise.EXACT_FILL, "full", holds=True)])
    assert tally.lines() == [
        Line(Promise.EXACT_FILL, "full", checks=1, failures=0),
        Line(Promise.RANKING, "in order", checks=3, failures=1),
    ]


def test_a_run_is_good_only_if_every_promise_was_checked_and_held() -> None:
    tally = Tally()
    tally.add([Finding(promise, "claim", holds=True) for promise in Promise])
    assert judge(tally) == []
    tally.add([Finding(Promise.RANKING, "claim", holds=False)])
    assert judge(tally) == [f"1 of {len(Promise) + 1} checks failed."]


def test_a_promise_that_nobody_checked_counts_against_the_run() -> None:
    tally = Tally()
    tally.add(
        [Finding(promise, "claim", holds=True) for promise in Promise if promise != "Uploads"]
    )
    assert judge(tally) == ["Nothing was checked of: Uploads"]


def test_a_process_that_goes_on_is_told() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        assert still_running([process], seconds=0) == f"Processes that did not end: [{child.pid}]"
        child.communicate()
    assert still_running([process], seconds=0) is None
