"""The models of the answers of the API.

The handlers build their answers by hand, because models of them would slow every cold start. The
tests check the answers of the handlers against these models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from functions.feed_ranker.requests import MAX_PAGE_SIZE, FeedbackAction
from shared.models import Rung


def _omitted(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


# A field that some answers leave out. It is never null.
_OMITTED: Any = Field(default=None, json_schema_extra=_omitted)

_REASONS = (
    "Codes that say why this post, in order: exploration, seen_before, one of similar_to_watched, "
    "liked_creator, liked_tags and liked_words, popular_right_now, followed_creator, and the "
    "score's parts. More may come"
)


class Answer(BaseModel):
    """An answer holds what is declared and nothing else."""

    model_config = ConfigDict(extra="forbid")


class Viewability(Answer):
    """What counts as seen: this much of a post, for this long, without a break."""

    fraction: Annotated[float, Field(gt=0, le=1)]
    dwell_ms: Annotated[int, Field(gt=0)]


class SessionStarted(Answer):
    """A new session."""

    session_id: UUID
    expires_at: Annotated[datetime, Field(description="Until when its pages are kept at hand")]
    server_time: datetime
    cooldown_days: Annotated[int, Field(gt=0)]
    viewability: Viewability
    variant: Annotated[str, Field(min_length=1, description="The experiment's arm")]


class FeedPost(Answer):
    """A post of a page."""

    post_id: UUID
    creator_id: UUID
    caption: str
    tags: list[str]
    hls_url: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    thumbnail_url: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    storyboard_url: Annotated[
        str | SkipJsonSchema[None], Field(description="Of signed videos alone")
    ] = _OMITTED
    duration_ms: Annotated[int, Field(ge=0)] | None
    aspect_ratio: str | None
    created_at: datetime
    position: Annotated[int, Field(ge=0, lt=MAX_PAGE_SIZE, description="Counts within the page")]
    source: Rung
    is_repeat: bool
    score: Annotated[float, Field(ge=0, le=1)] | None
    reasons: Annotated[list[str], Field(description=_REASONS)]


class FeedPage(Answer):
    """A page of the feed."""

    request_id: UUID
    session_id: UUID
    posts: Annotated[list[FeedPost], Field(max_length=MAX_PAGE_SIZE)]
    next_cursor: Annotated[str, Field(min_length=1, description="Opaque; never null")]
    cache: Literal["hit", "miss"]
    stale_cursor: bool
    degraded: Literal["cache", "database", "inventory", "catalogue"] | None
    variant: Annotated[str, Field(min_length=1, description="The experiment's arm")]


class RejectedRow(Answer):
    """A row of a batch that was not taken."""

    index: Annotated[int, Field(ge=0)]
    reason: str


class BatchAnswer(Answer):
    """What became of a batch. What is counted as accepted is committed."""

    accepted: Annotated[int, Field(ge=0)]
    duplicates: Annotated[int, Field(ge=0)]
    rejected: list[RejectedRow]


class FeedbackAnswer(Answer):
    """What a feedback is about, and whether it is not in force now."""

    action: FeedbackAction
    post_id: UUID | None
    creator_id: UUID | None
    undone: bool


class KeptTable(Answer):
    """Rows that are kept of the viewer in one table, the newest first."""

    rows: list[dict[str, Any]]
    total: Annotated[int, Field(ge=0)]
    truncated: Annotated[bool, Field(description="There are more than one answer can hold")]


class ViewerExport(Answer):
    """All that is kept of the viewer."""

    user_id: UUID
    exported_at: datetime
    tables: dict[str, KeptTable]


class Erased(Answer):
    """What was erased."""

    erased: Annotated[dict[str, int], Field(description="Rows by table")]
    complete: Annotated[bool, Field(description="Where false, the same request goes on")]


class UploadMade(Answer):
    """A new upload."""

    post_id: UUID
    upload_id: str
    upload_url: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    expires_at: datetime
    max_duration_ms: Annotated[int, Field(gt=0)]
    will_trim: bool


class UploadState(Answer):
    """How far an upload is."""

    post_id: UUID
    state: Literal["waiting", "processing", "trimming", "ready", "failed", "cancelled", "expired"]
    reason: Annotated[str | None, Field(description="Why it failed, as a sentence")]
    detail: Annotated[
        str | SkipJsonSchema[None], Field(description="What is odd about a video that plays")
    ] = _OMITTED


class WebhookAnswer(Answer):
    """What became of an event of Mux."""

    status: Literal["received", "ignored"]


class FieldError(Answer):
    """A fault of one field."""

    field: str
    message: str


class Problem(Answer):
    """A problem document (RFC 9457). API Gateway's own errors carry `message` besides."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    request_id: str
    errors: list[FieldError] | None = None
