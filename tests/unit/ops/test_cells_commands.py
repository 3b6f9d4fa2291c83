"""What the commands about cells say of settings that they cannot use."""

from __future__ import annotations

import psycopg
import pytest

from ops import move
from ops.cells import __main__ as cells
from ops.cells.command import run

NOWHERE = "postgresql://127.0.0.1:9/nowhere"
SETTINGS = ("CATALOGUE", "CELL", "NUMBER", "DISCONNECT", "VIEWER", "FROM", "TO")


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def test_both_say_how_they_are_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert (cells.main(), move.main()) == (2, 2)
    assert capsys.readouterr().err.count("Usage: make ") == 2


def test_a_number_or_viewer_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"CATALOGUE": NOWHERE, "CELL": NOWHERE, "FROM": NOWHERE, "TO": NOWHERE}
    for name, value in {**given, "NUMBER": "one", "VIEWER": "ann"}.items():
        monkeypatch.setenv(name, value)
    assert (cells.main(), move.main()) == (2, 2)
    told = capsys.readouterr().err.splitlines()
    assert told == ["NUMBER=one is no number.", "VIEWER=ann is no UUID."]


def test_work_that_tells_nothing_had_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda _: None, "Not done") == 0
    assert run(lambda tell: tell("role made"), "Not done") == 0
    assert capsys.readouterr().out == "nothing to do\nrole made\n"


def test_a_server_that_refuses_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    def refused(_: object) -> None:
        raise psycopg.OperationalError("it is not there")

    assert run(refused, "Not moved") == 1
    assert capsys.readouterr().err == "Not moved: it is not there\n"
