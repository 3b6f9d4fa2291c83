"""Define what clients send to create an upload."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt, StringConstraints
from pydantic_core import PydanticCustomError

from functions.create_upload.settings import ResolutionTier
from shared.errors import FieldProblem, InvalidInputError
from shared.fields import Fields
from shared.http import Body

_MAX_CAPTION = 2_200
_MAX_TAG = 64
_MAX_TAGS = 30
_MAX_BIGINT = 2**63 - 1
_MAX_DURATION_MS = 24 * 3600 * 1000
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def _without_controls(allowed: str) -> AfterValidator:
    """Refuse control characters except `allowed`. Direction marks and joiners count as text."""

    def check(text: str) -> str:
        if any(unicodedata.category(c) == "Cc" and c not in allowed for c in text):
            raise PydanticCustomError("control_character", "The text holds a control character.")
        return text

    return AfterValidator(check)


Caption = Annotated[str, StringConstraints(max_length=_MAX_CAPTION), _without_controls("\n\t")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=_MAX_TAG), _without_controls("")]


class Content(Fields):
    """What the creator says about the video."""

    caption: Caption = ""
    tags: Annotated[tuple[Tag, ...], Field(max_length=_MAX_TAGS)] = ()


class UploadRequest(Body):
    """A new upload, with sizes in bytes and durations in milliseconds."""

    content: Content = Content()
    size_bytes: Annotated[StrictInt, Field(ge=1, le=_MAX_BIGINT)]
    duration_ms: Annotated[StrictInt, Field(ge=1, le=_MAX_DURATION_MS)] | None = None
    max_resolution_tier: ResolutionTier | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Name a request, so that sending it again does not do it again.

    Attributes:
        text: The Idempotency-Key.
        request_hash: What the key stands for. A body that names the viewer again is no other.
    """

    text: str
    request_hash: str


def idempotency_key(header: str | None, request: UploadRequest) -> IdempotencyKey | None:
    """Return the Idempotency-Key of a request; None where it has none.

    Raises:
        InvalidInputError: The key is empty, longer than 255 characters or not printable ASCII.
    """
    if header is None:
        return None
    if not _KEY.fullmatch(header):
        raise InvalidInputError(
            FieldProblem("Idempotency-Key", "The key is not 1 to 255 printable ASCII characters.")
        )
    asked = request.model_dump(mode="json", exclude={"user_id"})
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return IdempotencyKey(header, digest)
