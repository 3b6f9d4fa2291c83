"""The operations of the API, in the order in which a client meets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from deploy.openapi.answers import (
    BatchAnswer,
    Erased,
    FeedbackAnswer,
    FeedPage,
    SessionStarted,
    UploadMade,
    UploadState,
    ViewerExport,
    WebhookAnswer,
)
from functions.create_upload.requests import UploadRequest
from functions.feed_ranker.requests import (
    FeedbackIn,
    FeedQuery,
    ImpressionBatch,
    ImpressionIn,
    SessionIn,
    WatchBatch,
    WatchIn,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

OK: Final = HTTPStatus.OK
_BAD: Final = (HTTPStatus.BAD_REQUEST,)
_VIEWER: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_LOST: Final = (HTTPStatus.SERVICE_UNAVAILABLE,)


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        method: The HTTP method in lower case.
        path: The path as it is in template.yaml.
        name: The operationId.
        summary: A summary of one sentence.
        answer: The model of its answer.
        status: The status of its answer.
        errors: The statuses of its problem documents.
        query: The model of its query.
        body: The model of its body.
        rows: The name of the list in the body whose rows are checked one by one, and their model.
        headers: The name and the description of each optional header.
        signed: True where Mux's signature takes the place of the viewer's token.
    """

    method: str
    path: str
    name: str
    summary: str
    answer: type[BaseModel]
    status: HTTPStatus = OK
    errors: tuple[HTTPStatus, ...] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    rows: tuple[str, type[BaseModel]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False


OPERATIONS: Final = (
    Operation(
        "post",
        "/v1/sessions",
        "startSession",
        "A new session; its first page is ranked by then.",
        SessionStarted,
        status=HTTPStatus.CREATED,
        errors=(*_BAD, *_VIEWER, *_LOST),
        body=SessionIn,
    ),
    Operation(
        "get",
        "/v1/feed",
        "getFeed",
        "A page of the viewer's feed.",
        FeedPage,
        errors=(*_BAD, *_VIEWER, *_LOST),
        query=FeedQuery,
    ),
    Operation(
        "post",
        "/v1/impressions",
        "postImpressions",
        "What the viewer has seen. A bad row does not sink the others.",
        BatchAnswer,
        errors=(*_BAD, *_VIEWER, *_LOST),
        body=ImpressionBatch,
        rows=("impressions", ImpressionIn),
    ),
    Operation(
        "post",
        "/v1/watch-progress",
        "postWatchProgress",
        "What the viewer watched and gave. A bad row does not sink the others.",
        BatchAnswer,
        errors=(*_BAD, *_VIEWER, *_LOST),
        body=WatchBatch,
        rows=("events", WatchIn),
    ),
    Operation(
        "post",
        "/v1/feedback",
        "postFeedback",
        "What the viewer does not want, in force from the next page on; or the undo of it.",
        FeedbackAnswer,
        errors=(*_BAD, *_VIEWER, HTTPStatus.NOT_FOUND, *_LOST),
        body=FeedbackIn,
    ),
    Operation(
        "get",
        "/v1/me/data",
        "exportMyData",
        "All that is kept of the viewer.",
        ViewerExport,
        errors=(*_VIEWER, *_LOST),
    ),
    Operation(
        "delete",
        "/v1/me",
        "eraseMe",
        "Erases all that is kept of the viewer, the own posts included.",
        Erased,
        errors=(*_VIEWER, *_LOST),
    ),
    Operation(
        "delete",
        "/v1/me/history",
        "resetMyHistory",
        "Forgets what the viewer has seen and done.",
        Erased,
        errors=(*_VIEWER, *_LOST),
    ),
    Operation(
        "post",
        "/v1/uploads",
        "createUpload",
        "A new post, and the address that takes its file.",
        UploadMade,
        status=HTTPStatus.CREATED,
        errors=(
            *_BAD,
            *_VIEWER,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.TOO_MANY_REQUESTS,
            *_LOST,
        ),
        body=UploadRequest,
        headers={"Idempotency-Key": "The same key gets the same answer; 1 to 255 printable ASCII."},
    ),
    Operation(
        "get",
        "/v1/uploads/{post_id}",
        "getUpload",
        "How far the viewer's own upload is.",
        UploadState,
        errors=(*_VIEWER, HTTPStatus.NOT_FOUND, *_LOST),
    ),
    Operation(
        "delete",
        "/v1/uploads/{post_id}",
        "cancelUpload",
        "Cancels the viewer's own upload, or removes its post and all that Mux holds of it.",
        UploadState,
        errors=(*_VIEWER, HTTPStatus.NOT_FOUND, *_LOST),
    ),
    Operation(
        "post",
        "/v1/webhooks/mux",
        "receiveMuxWebhook",
        "For Mux alone: an event, signed.",
        WebhookAnswer,
        errors=(*_BAD, HTTPStatus.UNAUTHORIZED, *_LOST),
        headers={"Mux-Signature": "t=<unix seconds>,v1=<HMAC-SHA256 of 't.body' in hex>"},
        signed=True,
    ),
)
