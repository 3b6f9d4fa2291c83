"""Handle the upload routes: parse the request, make one call, map its result."""

from __future__ import annotations

import os
import re
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from functions.create_upload.container import Container, build
from functions.create_upload.requests import UploadRequest, idempotency_key
from shared.errors import NotFoundError
from shared.http import answer, create_app, parse_body, viewer_of
from shared.observability import Telemetry
from shared.settings import at_cold_start
from shared.snapshot import renew_after_restore

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response
    from aws_lambda_powertools.utilities.typing import LambdaContext

telemetry = Telemetry(
    "create_upload",
    {
        "POST /v1/uploads": "CreateUpload",
        "GET /v1/uploads/{post_id}": "UploadState",
        "DELETE /v1/uploads/{post_id}": "CancelUpload",
    },
)
app = create_app(telemetry.logger)

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@cache
def container() -> Container:
    """Build the container's parts from the environment, once."""
    return build(os.environ, telemetry)


if at_cold_start():
    container()
    renew_after_restore(container)


@app.post("/v1/uploads")
def create_upload() -> Response[str]:
    """Create a post that is not ready yet, and answer the address that takes its file."""
    viewer = _viewer()
    request = parse_body(UploadRequest, app.current_event, viewer)
    headers = app.current_event.headers
    key = idempotency_key(headers.get("idempotency-key"), request)
    made = container().uploads.create(viewer, request, key=key, origin=headers.get("origin"))
    return answer(made, HTTPStatus.CREATED)


@app.get("/v1/uploads/<post_id>")
def upload_state(post_id: str) -> Response[str]:
    """Answer the state of an upload."""
    return answer(container().uploads.state(_viewer(), _post(post_id)))


@app.delete("/v1/uploads/<post_id>")
def cancel_upload(post_id: str) -> Response[str]:
    """Cancel an upload, or remove its post and its video."""
    return answer(container().uploads.cancel(_viewer(), _post(post_id)))


def _post(text: str) -> UUID:
    # The route's pattern ignores a newline at the end of the path.
    if not _ID.fullmatch(text) or not app.current_event.path.endswith(text):
        raise NotFoundError
    return UUID(text)


def _viewer() -> UUID:
    return viewer_of(app.current_event, container().viewer_claim)


@telemetry.handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway v2 event."""
    return app.resolve(event, context)
