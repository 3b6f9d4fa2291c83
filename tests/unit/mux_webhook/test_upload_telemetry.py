from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from functions.mux_webhook.signature import SignatureFault
from functions.mux_webhook.store import UploadSnapshot
from functions.mux_webhook.upload_telemetry import UploadTelemetry

if TYPE_CHECKING:
    from shared.observability import Telemetry


class Notes:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.figures: Counter[str] = Counter()
        self.lines: list[str] = []
        self.logger = SimpleNamespace(
            info=lambda text, extra: self.lines.append(text),  # noqa: ARG005
            warning=lambda text, extra: self.lines.append(f"{text}: {extra['reason']}"),
        )

    def count(self, name: str, value: float = 1) -> None:
        self.figures[name] += int(value)

    milliseconds = count


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def uploads(notes: Notes) -> UploadTelemetry:
    return UploadTelemetry(cast("Telemetry", notes))


def snapshot(was: str, state: str, reason: str | None = None) -> UploadSnapshot:
    row = {"post_id": uuid4(), "was": was, "state": state, "reason": reason, "steps": []}
    return UploadSnapshot.from_row(row)


def test_a_change_of_state_is_counted_and_a_report_without_one_is_not(
    uploads: UploadTelemetry, notes: Notes
) -> None:
    uploads.note_change(snapshot("waiting", "processing"))
    uploads.note_change(snapshot("processing", "processing"))
    assert dict(notes.figures) == {"UploadProcessing": 1}
    assert notes.lines == ["upload changed"]


@pytest.mark.parametrize(("reason", "trims"), [("trim_refused", 1), ("no_video", 0), (None, 0)])
def test_a_failed_trim_is_counted_apart(
    uploads: UploadTelemetry, notes: Notes, reason: str | None, trims: int
) -> None:
    uploads.note_change(snapshot("trimming", "failed", reason))
    assert (notes.figures["UploadFailed"], notes.figures["TrimFailed"]) == (1, trims)


def test_the_lag_of_an_event_is_in_milliseconds(uploads: UploadTelemetry, notes: Notes) -> None:
    uploads.note_lag(1.5)
    assert dict(notes.figures) == {"WebhookLag": 1500}


def test_what_a_sweep_did_is_counted_by_name(uploads: UploadTelemetry, notes: Notes) -> None:
    uploads.note_sweep({"held_off": False, "checked": 7, "orphans": 1, "errors": 0})
    expected = {"SweepHeldOff": 0, "SweepChecked": 7, "SweepOrphans": 1, "SweepErrors": 0}
    assert dict(notes.figures) == expected
    assert notes.lines == ["swept"]


@pytest.mark.parametrize(
    ("fault", "metric"),
    [
        (SignatureFault.MISSING, "WebhookRefusedMissing"),
        (SignatureFault.MALFORMED, "WebhookRefusedMalformed"),
        (SignatureFault.OUTDATED, "WebhookRefusedOutdated"),
        (SignatureFault.MISMATCH, "WebhookRefusedMismatch"),
        (SignatureFault.UNREADABLE_BODY, "WebhookRefusedUnreadableBody"),
    ],
)
def test_a_refusal_is_logged_and_counted_with_its_reason(
    uploads: UploadTelemetry, notes: Notes, fault: SignatureFault, metric: str
) -> None:
    uploads.note_refusal(fault)
    assert dict(notes.figures) == {"WebhookRefused": 1, metric: 1}
    assert notes.lines == [f"webhook refused: {fault.value}"]
