from __future__ import annotations

from typing import Any

from evaluation.speed.targets import Target, targets


def figures(p50: float, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any figure
    usual = {
        "p50_ms": p50,
        "p95_ms": 2 * p50,
        "of_floor": 1.2,
        "of_calls": 1.5,
        "cpu_ms": 3.0,
        "most_round_trips": 2,
    }
    return {**usual, **changes}


def results(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of the results
    kinds = ("new", "typical", "heavy", "exhausted", "follower")
    pages = {name: {"first": figures(10.0), "next": figures(5.0)} for name in kinds}
    line = {"first": figures(10.0), "next": figures(5.0)}
    usual = {
        "personas": pages,
        "growth": {
            "posts": [{"posts": 10_000, **line}, {"posts": 1_000_000, **line}],
            "seen": [{"seen": 0, **line}, {"seen": 100_000, **line}],
        },
        "naive_sql": {"p50_ms": 1_500.0},
        "batches": {"impressions": {"p95_ms": 10.0}, "watch_progress": {"p95_ms": 10.0}},
    }
    return {**usual, **changes}


def missed(measured: dict[str, Any]) -> set[str]:
    return {target.name for target in targets(measured) if target.met is False}


def test_a_run_within_all_limits_meets_all_targets() -> None:
    assert missed(results()) == set()


def test_one_viewer_with_a_round_trip_too_many_misses_the_count() -> None:
    measured = results()
    measured["personas"]["heavy"]["next"]["most_round_trips"] = 3

    assert missed(measured) == {"next page: round trips"}


def test_growth_is_held_against_the_smallest_size() -> None:
    measured = results()
    measured["growth"]["posts"][-1] = {
        "posts": 1_000_000,
        "first": figures(12.6),
        "next": figures(5.0),
    }

    assert missed(measured) == {"first page p50, 1,000,000 posts / 10,000"}


def test_the_naive_statement_must_be_slower_by_far() -> None:
    assert missed(results(naive_sql={"p50_ms": 900.0})) == {
        "naive SQL p50 / first page p50, typical"
    }


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert Target("x", None, 1.0).met is None


def test_a_limit_itself_is_met() -> None:
    assert Target("x", 1.5, 1.5).met
    assert Target("x", 100.0, 100.0, at_least=True).met


def test_a_first_page_is_held_against_its_own_calls() -> None:
    measured = results()
    measured["personas"]["heavy"]["first"]["of_calls"] = 2.6

    assert missed(measured) == {"first page p50 / its own calls, heavy"}
