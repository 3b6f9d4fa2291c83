from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from shared.postgres.faults import FAULTS, Fault, NoAnswerError, classify, fault_of

OPERATIONS = Path(__file__).parents[4] / "docs" / "operations.md"


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ("25006", Fault.GONE),  # read-only
        ("25001", Fault.STATEMENT),  # its class alone says nothing
        ("57014", Fault.SLOW),  # cancelled
        ("57P01", Fault.GONE),  # shut down
        ("40P01", Fault.BUSY),  # deadlock
        ("23505", Fault.STATEMENT),  # unique violation
        ("42883", Fault.STATEMENT),  # no such function
        (None, Fault.GONE),  # the connection broke
    ],
)
def test_the_longest_prefix_decides(state: str | None, fault: Fault) -> None:
    assert classify(state) is fault


def test_an_error_that_ended_the_connection_is_the_server_s() -> None:
    assert classify("42501", fatal=True) is Fault.GONE


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (NoAnswerError("late"), Fault.SLOW),
        (psycopg.errors.ConnectionTimeout("late"), Fault.SLOW),
        (psycopg.OperationalError("connection refused"), Fault.GONE),
        (psycopg.errors.ReadOnlySqlTransaction("read-only"), Fault.GONE),
        (psycopg.ProgrammingError("cannot adapt type"), Fault.STATEMENT),
    ],
)
def test_an_error_of_the_driver_is_judged_by_its_state(error: psycopg.Error, fault: Fault) -> None:
    assert fault_of(error) is fault


def test_operators_find_each_row_of_the_table_in_the_documents_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w{2,5})` \|", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(FAULTS)
