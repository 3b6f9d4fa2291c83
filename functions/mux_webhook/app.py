"""Handle Mux's webhooks, and the schedule's events that start the sweep."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from functions.mux_webhook.container import Container, build
from functions.mux_webhook.signature import InvalidSignatureError, SignatureFault
from functions.mux_webhook.upload_telemetry import UploadTelemetry
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
uploads = UploadTelemetry(telemetry)
app = create_app(telemetry.logger)

_SPARE_S = 2.0  # left of the function's time when a sweep ends


@cache
def container() -> Container:
    """Build the container's parts from the environment, once."""
    return build(os.environ, telemetry)


if at_cold_start():
    container()
    renew_after_restore(container)


@app.post("/v1/webhooks/mux")
def receive_webhook() -> Response[str]:
    """Take in one event of Mux."""
    webhook = container().webhook(uploads.note_change, uploads.note_lag)
    try:
        snapshot = webhook.receive(app.current_event.headers.get("mux-signature"), _body())
    except InvalidSignatureError as error:
        uploads.note_refusal(error.fault)
        raise
    return answer({"status": "received" if snapshot and snapshot.state else "ignored"})


def _body() -> bytes:
    try:
        return raw_body(app.current_event)
    except InvalidInputError:
        raise InvalidSignatureError(SignatureFault.UNREADABLE_BODY) from None


@telemetry.handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway v2 event, or sweep on an EventBridge event."""
    if event.get("source") in {"aws.events", "aws.scheduler"}:
        seconds = context.get_remaining_time_in_millis() / 1000 - _SPARE_S
        result = asdict(container().sweep(seconds, uploads.note_change).run())
        uploads.note_sweep(result)
        return result
    return app.resolve(event, context)
