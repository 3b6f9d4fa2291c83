"""Lambda handler of Mux's webhooks and of the schedule that sweeps: parse, one call, map."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from functions.mux_webhook.changes import Changes
from functions.mux_webhook.container import Container, build
from functions.mux_webhook.signature import InvalidSignatureError
from shared.errors import InvalidInputError
from shared.http import answer, create_app, raw_body
from shared.observability import Telemetry
from shared.settings import at_cold_start
from shared.snapshot import renew_after_restore

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response
    from aws_lambda_powertools.utilities.typing import LambdaContext

telemetry = Telemetry(
    "mux_webhook",
    {"POST /v1/webhooks/mux": "Webhook", "aws.events": "Sweep", "aws.scheduler": "Sweep"},
)
changes = Changes(telemetry)
app = create_app(telemetry.logger)

_SPARE_S = 2.0  # of the function's time, to end a sweep in order


@cache
def container() -> Container:
    """Build the parts from the environment, once."""
    return build(os.environ, telemetry)


if at_cold_start():
    container()
    renew_after_restore(container)


@app.post("/v1/webhooks/mux")
def receive_webhook() -> Response[str]:
    """Take in one event of Mux."""
    try:
        body = raw_body(app.current_event)
    except InvalidInputError:
        raise InvalidSignatureError from None
    report = (
        container()
        .webhook(changes.note, changes.note_lag)
        .receive(app.current_event.headers.get("mux-signature"), body)
    )
    return answer({"status": "received" if report and report.state else "ignored"})


@telemetry.handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """API Gateway v2 event in, answer out; an EventBridge event sweeps."""
    if event.get("source") in {"aws.events", "aws.scheduler"}:
        seconds = context.get_remaining_time_in_millis() / 1000 - _SPARE_S
        result = asdict(container().sweep(seconds, changes.note).run())
        changes.note_sweep(result)
        return result
    return app.resolve(event, context)
