"""What clients may send to the feed function."""

from __future__ import annotations

from datetime import datetime  # pydantic reads annotations at run time
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from shared.http import Body
from shared.models import Connection, Device, Source

MAX_PAGE_SIZE = 50
MAX_BATCH = 100
_DAY_MS = 86_400_000


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not an IANA time zone") from None
    return name


def _text_only(value: object) -> object:
    """Refuse numbers, written as text or not, where a time in RFC 3339 is meant."""
    dated = isinstance(value, str) and value[10:11] in {"T", "t"}
    if not (dated or isinstance(value, datetime)):
        raise ValueError("is not a time in RFC 3339")
    return value


Timezone = Annotated[
    str,
    Field(min_length=1, max_length=64, json_schema_extra={"format": "iana-time-zone"}),
    AfterValidator(_known_timezone),
]


class FeedQuery(BaseModel):
    """Query parameters of GET /v1/feed."""

    model_config = ConfigDict(frozen=True)

    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 12
    session_id: UUID | None = None
    cursor: (
        Annotated[str, Field(min_length=1, json_schema_extra={"format": "cursor"})] | None
    ) = None
    device: Device = Device.PHONE
    connection: Connection = Connection.WIFI
    timezone: Timezone = "UTC"


class ImpressionIn(BaseModel):
    """One row of POST /v1/impressions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: UUID
    post_id: UUID
    source: Source
    position: Annotated[int, Field(strict=True, ge=0, lt=MAX_PAGE_SIZE)]
    visible_ms: Annotated[int, Field(strict=True, ge=0, le=_DAY_MS)]
    seen_at: Annotated[AwareDatetime, BeforeValidator(_text_only)]


class ImpressionBatch(Body):
    """Body of POST /v1/impressions. A bad row does not sink the others: each is validated alone."""

    session_id: UUID
    impressions: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)]
