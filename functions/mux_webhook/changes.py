"""Changes of state, in the log and in the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from functions.mux_webhook.store import Report


@dataclass(frozen=True, slots=True)
class Changes:
    """Logs and counts: `UploadReady`, `UploadFailed` and so on, and `TrimFailed`."""

    logger: Logger
    metrics: Metrics

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
        self.logger.info("upload changed", extra=change)
        name = f"Upload{report.state.title()}"
        self.metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
        if report.state == "failed" and (report.reason or "").startswith("trim"):
            self.metrics.add_metric(name="TrimFailed", unit=MetricUnit.Count, value=1)
