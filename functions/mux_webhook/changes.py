"""What happened to uploads, in the log and in the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.mux_webhook.store import Report
    from shared.observability import Telemetry


@dataclass(frozen=True, slots=True)
class Changes:
    """Logs and counts: `UploadReady`, `UploadFailed` and so on, and `TrimFailed`."""

    telemetry: Telemetry

    def note(self, report: Report) -> None:
        """Note a report, where the state is another than before."""
        if report.state is None or report.state == report.was:
            return
        change = {
            "post_id": str(report.post_id),
            "was": report.was,
            "state": report.state,
            "reason": report.reason,
        }
        self.telemetry.logger.info("upload changed", extra=change)
        self.telemetry.count(f"Upload{report.state.title()}")
        if report.state == "failed" and (report.reason or "").startswith("trim"):
            self.telemetry.count("TrimFailed")

    def note_lag(self, seconds: float) -> None:
        """Note how long after Mux made an event it was taken in."""
        self.telemetry.milliseconds("WebhookLag", seconds * 1000)

    def note_sweep(self, result: Mapping[str, int | bool]) -> None:
        """Note what a run of the sweep did."""
        self.telemetry.logger.info("swept", extra=result)
        for name, value in result.items():
            self.telemetry.count(f"Sweep{name.title().replace('_', '')}", value)
