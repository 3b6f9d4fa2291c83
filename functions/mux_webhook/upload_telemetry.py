"""Log and count what happens to uploads and to Mux's requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.mux_webhook.signature import SignatureFault
    from functions.mux_webhook.store import UploadSnapshot
    from shared.observability import Telemetry


@dataclass(frozen=True, slots=True)
class UploadTelemetry:
    """Write the function's own log lines and metrics.

    The metrics are `UploadReady`, `UploadFailed` and so on, `TrimFailed`, `WebhookLag`,
    `WebhookRefused` with one more metric for each fault, and `Sweep…`.
    """

    telemetry: Telemetry

    def note_change(self, snapshot: UploadSnapshot) -> None:
        """Note an upload whose state is not the same as before."""
        if snapshot.state is None or snapshot.state == snapshot.was:
            return
        change = {
            "post_id": str(snapshot.post_id),
            "was": snapshot.was,
            "state": snapshot.state,
            "reason": snapshot.reason,
        }
        self.telemetry.logger.info("upload changed", extra=change)
        self.telemetry.count(f"Upload{snapshot.state.title()}")
        if snapshot.state == "failed" and (snapshot.reason or "").startswith("trim"):
            self.telemetry.count("TrimFailed")

    def note_lag(self, seconds: float) -> None:
        """Note how long after Mux made an event it was taken in."""
        self.telemetry.milliseconds("WebhookLag", seconds * 1000)

    def note_refusal(self, fault: SignatureFault) -> None:
        """Note a request that is refused with 401, and why."""
        self.telemetry.logger.warning("webhook refused", extra={"reason": str(fault)})
        self.telemetry.count("WebhookRefused")
        self.telemetry.count(f"WebhookRefused{fault.title().replace('_', '')}")

    def note_sweep(self, result: Mapping[str, int | bool]) -> None:
        """Note what a run of the sweep did."""
        self.telemetry.logger.info("swept", extra=result)
        for name, value in result.items():
            self.telemetry.count(f"Sweep{name.title().replace('_', '')}", value)
