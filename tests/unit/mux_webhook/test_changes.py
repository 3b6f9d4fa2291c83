from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from functions.mux_webhook.changes import Changes
from functions.mux_webhook.store import Report

if TYPE_CHECKING:
    from shared.observability import Telemetry


class Notes:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.figures: Counter[str] = Counter()
        self.lines: list[str] = []
        self.logger = SimpleNamespace(info=lambda text, extra: self.lines.append(text))  # noqa: ARG005

    def count(self, name: str, value: float = 1) -> None:
        self.figures[name] += int(value)

    milliseconds = count


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def changes(notes: Notes) -> Changes:
    return Changes(cast("Telemetry", notes))


def report(was: str, state: str, reason: str | None = None) -> Report:
    row = {"post_id": uuid4(), "was": was, "state": state, "reason": reason, "steps": []}
    return Report.from_row(row)


def test_a_change_of_state_is_counted_and_a_report_without_one_is_not(
    changes: Changes, notes: Notes
) -> None:
    changes.note(report("waiting", "processing"))
    changes.note(report("processing", "processing"))
    assert dict(notes.figures) == {"UploadProcessing": 1}
    assert notes.lines == ["upload changed"]


@pytest.mark.parametrize(("reason", "trims"), [("trim_refused", 1), ("no_video", 0), (None, 0)])
def test_a_failed_trim_is_counted_apart(
    changes: Changes, notes: Notes, reason: str | None, trims: int
) -> None:
    changes.note(report("trimming", "failed", reason))
    assert (notes.figures["UploadFailed"], notes.figures["TrimFailed"]) == (1, trims)


def test_the_lag_of_an_event_is_in_milliseconds(changes: Changes, notes: Notes) -> None:
    changes.note_lag(1.5)
    assert dict(notes.figures) == {"WebhookLag": 1500}


def test_what_a_sweep_did_is_counted_by_name(changes: Changes, notes: Notes) -> None:
    changes.note_sweep({"held_off": False, "checked": 7, "orphans": 1, "errors": 0})
    expected = {"SweepHeldOff": 0, "SweepChecked": 7, "SweepOrphans": 1, "SweepErrors": 0}
    assert dict(notes.figures) == expected
    assert notes.lines == ["swept"]
