"""What clients may send to the feed function."""

from __future__ import annotations

import re
from datetime import datetime  # pydantic reads annotations at run time
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
)

from functions.feed_ranker import timezones
from shared.fields import Fields
from shared.http import Body
from shared.models import Connection, Device, Rung

MAX_PAGE_SIZE = 50
MAX_BATCH = 100
VIEWABLE_MS = 500  # shorter is no impression
VIEWABLE_FRACTION = 0.5  # of the post, or of the screen
_DAY_MS = 86_400_000
_PAGE_SIZE: Final = re.compile("[1-9][0-9]?")


def _plain_number(value: object) -> object:
    """Refuse the spellings of a number that int() takes besides: 12.0, 1_0, +5, 007, blanks."""
    if isinstance(value, str) and not _PAGE_SIZE.fullmatch(value):
        raise ValueError(f"This is not a whole number from 1 to {MAX_PAGE_SIZE}.")
    return value


def _text_only(value: object) -> object:
    """Refuse numbers, written as text or not, where a time in RFC 3339 is meant."""
    dated = isinstance(value, str) and value[10:11] in {"T", "t"}
    if not (dated or isinstance(value, datetime)):
        raise ValueError("This is not a time in RFC 3339.")
    return value


def _day_at_most(milliseconds: int) -> int:
    """Cut what is over a day."""
    return min(milliseconds, _DAY_MS)


Timezone = Annotated[
    str,
    Field(min_length=1, max_length=64, json_schema_extra={"format": "iana-time-zone"}),
    AfterValidator(timezones.resolve),
]


class FeedQuery(BaseModel):
    """Query parameters of GET /v1/feed."""

    model_config = ConfigDict(frozen=True)

    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE), BeforeValidator(_plain_number)] = 12
    session_id: UUID | None = None
    cursor: Annotated[str, Field(min_length=1, json_schema_extra={"format": "cursor"})] | None = (
        None
    )
    device: Device = Device.PHONE
    connection: Connection = Connection.WIFI
    timezone: Timezone = "UTC"


class SessionIn(Body):
    """Body of POST /v1/sessions: what the session's first page is ranked for."""

    page_size: Annotated[int, Field(strict=True, ge=1, le=MAX_PAGE_SIZE)] = 12
    device: Device = Device.PHONE
    connection: Connection = Connection.WIFI
    timezone: Timezone = "UTC"

    @property
    def first_page(self) -> FeedQuery:
        """The query that asks for the session's first page."""
        return FeedQuery(
            page_size=self.page_size,
            device=self.device,
            connection=self.connection,
            timezone=self.timezone,
        )


class ImpressionIn(Fields):
    """One row of POST /v1/impressions."""

    event_id: UUID
    post_id: UUID
    source: Rung
    position: Annotated[int, Field(strict=True, ge=0, lt=MAX_PAGE_SIZE)]
    # A screen that stayed on for days, or a device that slept, has shown the post all the same.
    visible_ms: Annotated[
        int, Field(strict=True, ge=0, le=30 * _DAY_MS), AfterValidator(_day_at_most)
    ]
    seen_at: Annotated[AwareDatetime, BeforeValidator(_text_only)]


class FeedbackAction(StrEnum):
    """What a viewer asks for."""

    NOT_INTERESTED = "not_interested"
    HIDE_CREATOR = "hide_creator"
    REPORT = "report"


class FeedbackIn(Body):
    """Body of POST /v1/feedback: about a post or a creator, one of the two."""

    action: FeedbackAction
    post_id: UUID | None = None
    creator_id: Annotated[UUID | None, Field(validate_default=True)] = None
    undo: StrictBool = False

    @field_validator("creator_id")
    @classmethod
    def _one_of_two(cls, creator_id: UUID | None, info: ValidationInfo) -> UUID | None:
        if "post_id" not in info.data:
            return creator_id  # it was given, and is bad
        if info.data["post_id"] is not None and creator_id is not None:
            raise ValueError("Give post_id or creator_id, not both.")
        if info.data["post_id"] is None and creator_id is None:
            raise ValueError("Give post_id or creator_id.")
        if creator_id is not None and info.data.get("action") is FeedbackAction.NOT_INTERESTED:
            raise ValueError("The action not_interested is about a post: give post_id.")
        return creator_id


class WatchIn(Fields):
    """One row of POST /v1/watch-progress."""

    event_id: UUID
    post_id: UUID
    play_ms: Annotated[int, Field(strict=True, ge=0)]
    duration_ms: Annotated[int, Field(strict=True, gt=0, le=_DAY_MS)]
    liked: StrictBool = False
    commented: StrictBool = False
    shared: StrictBool = False


class WatchBatch(Body):
    """Body of POST /v1/watch-progress. A bad row does not sink the others."""

    events: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)]

    @property
    def last_post(self) -> UUID | None:
        """The post that the last row names, where that row names one."""
        last = self.events[-1]
        try:
            return UUID(last["post_id"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


class ImpressionBatch(Body):
    """Body of POST /v1/impressions. A bad row does not sink the others: each is validated alone."""

    session_id: UUID
    impressions: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)]
