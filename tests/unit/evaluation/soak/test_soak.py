"""Drift holds the end of a run against its beginning, and settings say what they cannot be."""

from __future__ import annotations

import pytest

from evaluation.soak.crowd import Sample
from evaluation.soak.run import drift
from evaluation.soak.settings import SoakSettings
from local.errors import StackError


def samples(*milliseconds: float) -> list[Sample]:
    """One request a second."""
    return [Sample(float(n), "next page", ms, 0.0) for n, ms in enumerate(milliseconds)]


def test_drift_is_the_last_sixth_over_the_first() -> None:
    found = drift(samples(10, 10, 50, 50, 50, 50, 50, 50, 50, 50, 15, 15), 12.0)
    assert (found["first_p50_ms"], found["last_p50_ms"], found["drift"]) == (10, 15, 1.5)
    assert found["n"] == 12


def test_a_sixth_without_a_request_has_no_drift() -> None:
    assert drift(samples(10, 10), 12.0)["drift"] is None


def test_a_soak_takes_half_an_hour_unless_it_is_told_otherwise() -> None:
    usual = SoakSettings.from_environment({})
    assert (usual.minutes, usual.warm_up_minutes) == (30, 5)
    given = SoakSettings.from_environment(
        {"MINUTES": "2", "WARM_UP": "0", "RATE": "3.5", "OPEN_TRANSACTION": "10"}
    )
    assert (given.minutes, given.warm_up_minutes) == (2, 0)
    assert (given.steps_per_second, given.open_transaction_minutes) == (3.5, 10)


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "0"])
def test_what_is_no_length_is_named(text: str) -> None:
    with pytest.raises(StackError, match="MINUTES="):
        SoakSettings.from_environment({"MINUTES": text})
