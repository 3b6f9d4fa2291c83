"""Compose mux_webhook from its settings, once for each Lambda container."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.mux_webhook.budget import Budget
from functions.mux_webhook.settings import WebhookSettings
from functions.mux_webhook.steps import Stepper
from functions.mux_webhook.store import WebhookStore
from functions.mux_webhook.sweep import Sweep
from functions.mux_webhook.webhook import Webhook
from shared import settings
from shared.mux_client import MuxClient
from shared.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.mux_webhook.store import UploadSnapshot
    from shared.mux import Mux
    from shared.observability import Telemetry


@dataclass(frozen=True, slots=True)
class Container:
    """Keep the parts that outlive an invocation, and put them together for each one."""

    config: WebhookSettings
    store: WebhookStore
    mux: Mux

    def webhook(
        self, on_snapshot: Callable[[UploadSnapshot], None], on_lag: Callable[[float], None]
    ) -> Webhook:
        """Make the receiver of one delivery, whose time begins now."""
        budget = Budget(
            ends_at=time.monotonic() + self.config.webhook_budget_ms / 1000,
            longest_call_s=self.config.mux_call_budget_ms / 1000,
        )
        secrets = [s.get_secret_value() for s in self.config.mux_webhook_secret]
        stepper = self._stepper(budget, on_snapshot, include_polling=False)
        return Webhook(secrets, stepper, time.time, on_lag)

    def sweep(self, seconds_left: float, on_snapshot: Callable[[UploadSnapshot], None]) -> Sweep:
        """Make one run of the sweep, which ends within `seconds_left`."""
        budget = Budget(
            ends_at=time.monotonic() + min(seconds_left, self.config.sweep_budget_s),
            longest_call_s=self.config.mux_call_budget_ms / 1000,
            post_per_s=self.config.mux_post_per_s,
            other_per_s=self.config.mux_other_per_s,
        )
        return Sweep(
            stepper=self._stepper(budget, on_snapshot, include_polling=True),
            max_rows=self.config.sweep_max_rows,
            max_playback_checks=self.config.sweep_max_playback_checks,
            check_every_s=self.config.playback_check_every_s,
            lease_s=self.config.sweep_lease_s,
            give_up_s=self.config.sweep_give_up_s,
        )

    def _stepper(
        self,
        budget: Budget,
        on_snapshot: Callable[[UploadSnapshot], None],
        *,
        include_polling: bool,
    ) -> Stepper:
        config = self.config
        quality, patience = config.mux_video_quality, config.trim_patience_s
        return Stepper(
            self.store, self.mux, budget, quality, patience, include_polling, on_snapshot
        )


def build(environ: Mapping[str, str], telemetry: Telemetry) -> Container:
    """Build the parts from the environment.

    Raises:
        SettingsError: Variables are missing or invalid; the error names all of them.
    """
    config = settings.load(WebhookSettings, environ)
    telemetry.configure(config)
    store = WebhookStore(
        Postgres(config.database_url.get_secret_value(), check_schema=True),
        config.mux_stream_base_url.rstrip("/"),
        config.database_budget_ms / 1000,
    )
    mux = MuxClient(
        config.mux_base_url,
        config.mux_token_id.get_secret_value(),
        config.mux_token_secret.get_secret_value(),
    )
    return Container(config, store, mux)
