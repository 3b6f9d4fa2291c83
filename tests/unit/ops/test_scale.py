"""The arithmetic of docs/scaling.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.assumptions import Costs, Habits
from ops.scale import main, need, table
from ops.scale_bill import bill, choices

SCALING = Path(__file__).parents[3] / "docs" / "scaling.md"


def test_the_document_holds_what_the_command_prints() -> None:
    document = SCALING.read_text(encoding="utf-8")
    assert table() in document
    assert bill() in document


def test_a_thousand_viewers_by_hand() -> None:
    habits = Habits(sessions=1, pages=2, page_size=10, peak=1)
    costs = Costs(
        ranked=1.5, first_writes=7, next_writes=2, next_reads=5, page_log_bytes=10 * 4_096
    )
    needed = need(86_400, habits, costs)
    assert needed.requests_s == pytest.approx(6)
    assert needed.write_units_s == pytest.approx(10)
    assert needed.read_units_s == pytest.approx(5)
    assert needed.rows_s == pytest.approx(20 * 16 + 2 * 4)
    # Each of two pages is ten units of the log, and a half for each of its four commits.
    assert needed.ios_s == pytest.approx(2 * (10 + 2))


@given(st.integers(50_000, 10**8), st.integers(2, 50))
def test_what_grows_with_viewers_grows_as_they_do(viewers: int, times: int) -> None:
    one, more = need(viewers), need(viewers * times)
    for name in ("requests_s", "write_units_s", "rows_s", "ios_s", "connections", "storage_gb"):
        assert getattr(more, name) == pytest.approx(getattr(one, name) * times)
    assert more.dollars <= one.dollars * times * 1.000_001


def test_the_command_prints_the_table_of_the_numbers_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["5000"]) == 0
    assert capsys.readouterr().out == table((5000,)) + "\n"
    assert main(["many"]) == 2
    assert "many" in capsys.readouterr().err


def test_reports_are_requests_and_cost_no_rows() -> None:
    joined, apart = (need(10**6, Habits(reports=reports)) for reports in (1, 12))
    assert apart.requests_s == pytest.approx(joined.requests_s * 25 / 3)
    assert apart.rows_s == joined.rows_s
    assert apart.bill["API Gateway"] == pytest.approx(joined.bill["API Gateway"] * 25 / 3)
    assert apart.bill["DynamoDB"] == joined.bill["DynamoDB"]


def test_the_bill_adds_up_and_the_choices_differ_from_what_is_assumed() -> None:
    needs = [need(100_000, c.habits, c.costs, c.prices) for c in choices()]
    assert all(n.dollars == pytest.approx(sum(n.bill.values())) for n in needs)
    assert needs[0].bill == need(100_000).bill
    assert all(n.bill != needs[0].bill for n in needs[1:])
