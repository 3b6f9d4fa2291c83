"""A world under the feed of another build, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evaluation.backends import Server
from evaluation.other_build import Build, this_build
from evaluation.simulation.runs import OURS, Run, run_one
from evaluation.simulation.scale import SMALL
from local.errors import StackError
from tests.integration.evaluation.conftest import SEED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.evaluation.conftest import Lived


def test_the_same_build_in_a_process_of_its_own_gives_the_same_figures(
    lived: Lived, tmp_path: Path
) -> None:
    run = Run("the same", OURS, SEED, SMALL, this_build())
    found = run_one(0, run, Server("unused", "unused", tmp_path))
    assert repr(found) == repr(lived.figures), "to the last digit; NaN equals nothing"


def test_a_build_that_cannot_simulate_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "build"
    empty.mkdir()
    build = Build("0" * 40, empty, this_build().python)
    with pytest.raises(StackError, match="cannot simulate"):
        run_one(0, Run("old", OURS, SEED, SMALL, build), Server("unused", "unused", tmp_path))
