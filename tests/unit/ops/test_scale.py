"""The arithmetic of docs/scaling.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.scale import Costs, Habits, main, need, table

SCALING = Path(__file__).parents[3] / "docs" / "scaling.md"


def test_the_document_holds_what_the_command_prints() -> None:
    assert table() in SCALING.read_text(encoding="utf-8")


def test_a_thousand_viewers_by_hand() -> None:
    habits = Habits(sessions=1, pages=2, page_size=10, peak=1)
    needed = need(86_400, habits, Costs(ranked=0, first_writes=7, next_writes=3, next_reads=5))
    assert needed.requests_s == pytest.approx(6)
    assert needed.write_units_s == pytest.approx(10)
    assert needed.read_units_s == pytest.approx(5)
    assert needed.rows_s == pytest.approx(20 * 16 + 2 * 4)


@given(st.integers(50_000, 10**8), st.integers(2, 50))
def test_what_grows_with_viewers_grows_as_they_do(viewers: int, times: int) -> None:
    one, more = need(viewers), need(viewers * times)
    for name in ("requests_s", "write_units_s", "rows_s", "connections", "storage_gb"):
        assert getattr(more, name) == pytest.approx(getattr(one, name) * times)
    assert more.dollars <= one.dollars * times * 1.000_001


def test_the_command_prints_the_table_of_the_numbers_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["5000"]) == 0
    assert capsys.readouterr().out == table((5000,)) + "\n"
    assert main(["many"]) == 2
    assert "many" in capsys.readouterr().err
