"""The arithmetic of cells in docs/scaling.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.assumptions import Habits
from ops.scale import need
from ops.scale_cells import main, servers, table_of_servers

SCALING = Path(__file__).parents[3] / "docs" / "scaling.md"


def test_the_document_holds_what_the_command_prints() -> None:
    assert table_of_servers() in SCALING.read_text(encoding="utf-8")


def test_servers_by_hand() -> None:
    needed = servers(86_400, habits=Habits(sessions=1, pages=1, page_size=10, peak=1))
    assert needed.events_s == pytest.approx(20)  # an impression and a watch of each post
    assert (needed.shares, needed.catalogue_cores, needed.cells) == (1, 2.0, 1)
    assert servers(1_000_000).shares == 3


@pytest.mark.parametrize("viewers", [1_000_000, 10_000_000])
def test_cells_carry_what_one_server_would(viewers: int) -> None:
    needed = servers(viewers)
    assert needed.catalogue_cores + 32 * needed.cells >= need(viewers).cores
    assert needed.dollars >= need(viewers).dollars


def test_the_command_prints_the_table_of_the_numbers_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["5000000"]) == 0
    assert capsys.readouterr().out == table_of_servers((5_000_000,)) + "\n"
    assert main(["many"]) == 2
    assert "many" in capsys.readouterr().err
