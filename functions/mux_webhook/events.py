"""Read the facts in Mux's events, by a table of the event types that matter."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from functions.mux_webhook.facts import Facts, of_asset, of_upload
from shared.errors import FieldProblem, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EVENT_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_MAX_DIGITS: Final = 100  # Mux sends no numbers of more

# An event's type goes before the status in its data, which may be of a later moment.
_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Facts]]] = {
    "video.upload.created": partial(of_upload, status="waiting"),
    "video.upload.asset_created": partial(of_upload, status="asset_created"),
    "video.upload.cancelled": partial(of_upload, status="cancelled"),
    "video.upload.errored": partial(of_upload, status="errored"),
    "video.asset.created": partial(of_asset, status="preparing"),
    "video.asset.ready": partial(of_asset, status="ready"),
    "video.asset.errored": partial(of_asset, status="errored"),
    "video.asset.deleted": partial(of_asset, status="deleted"),
    # A moderator takes a video down by deleting its playback id, which this event then leaves out.
    "video.asset.updated": partial(of_asset, is_whole=True),
}


@dataclass(frozen=True, slots=True)
class MuxEvent:
    """Hold an event that concerns uploads.

    Attributes:
        id: The event's id, which is the same for each of its deliveries.
        type: The event's type, such as `video.asset.ready`.
        facts: What the event says.
        created_at: When Mux made the event, in Unix seconds; None where it does not say.
    """

    id: str
    type: str
    facts: Facts
    created_at: float | None = None


def parse(body: bytes) -> MuxEvent | None:
    """Read the event in a verified body; None for one that does not concern uploads.

    Raises:
        InvalidInputError: The body is not a JSON object.
    """
    try:
        envelope = json.loads(body, parse_int=_integer)
    except (ValueError, RecursionError):
        raise InvalidInputError(FieldProblem("body", "The body is not JSON in UTF-8.")) from None
    if not isinstance(envelope, dict):
        raise InvalidInputError(FieldProblem("body", "The body is not a JSON object."))
    kind, data = envelope.get("type"), envelope.get("data")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None or not isinstance(kind, str) or not isinstance(data, dict):
        return None
    given = envelope.get("id")
    known = isinstance(given, str) and _EVENT_ID.fullmatch(given)
    event_id = str(given) if known else hashlib.sha256(body).hexdigest()
    created_at = _seconds(envelope.get("created_at"))
    return MuxEvent(event_id, kind, replace(read(data), as_of=created_at), created_at)


def _integer(digits: str) -> float:
    """Read a whole number of any length, because int() refuses thousands of digits."""
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _seconds(made: object) -> float | None:
    """Read a time that Mux wrote, in Unix seconds; None where it is not one."""
    try:
        when = datetime.fromisoformat(made) if isinstance(made, str) else None
    except ValueError:
        return None
    return when.timestamp() if when is not None and when.tzinfo is not None else None
