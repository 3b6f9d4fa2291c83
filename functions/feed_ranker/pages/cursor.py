"""The cursor: where a session's next page begins, signed and bound to viewer and session.

It names no post. A bit mask says which entries of the cached queue are used up, so that a page
needs no state but the queue. A cursor for page n always yields page n.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from functions.feed_ranker.ranking.diversity import NO_CREATOR
from shared.errors import FieldProblem, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = 1
_HEAD = struct.Struct(">B16sII?8s")
_MAC_BYTES = 16
_MAX_TEXT = 512


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins.

    Attributes:
        session: The session.
        page_no: The page, from 0.
        queue_page_no: The page whose item holds the queue that this page is taken from.
        used: Bit i is set where entry i of that queue is used up.
        last_creator: `creator_tag` of the last post before, so that no neighbours share a creator.
        cache_only_pages: Whether pages of this session were served while Postgres was gone, so
            that only the cache knows them.
    """

    session: UUID
    page_no: int = 0
    queue_page_no: int = 0
    used: int = 0
    last_creator: bytes = NO_CREATOR
    cache_only_pages: bool = False


def encode(position: Position, viewer: UUID, secrets: Sequence[bytes]) -> str:
    """Sign `position` for `viewer` with the first secret."""
    mask = position.used.to_bytes((position.used.bit_length() + 7) // 8, "big")
    payload = mask + _HEAD.pack(
        _VERSION,
        position.session.bytes,
        position.page_no,
        position.queue_page_no,
        position.cache_only_pages,
        position.last_creator,
    )
    text = base64.urlsafe_b64encode(payload + _mac(payload, viewer, secrets[0]))
    return text.decode().rstrip("=")


def decode(text: str, viewer: UUID, session: UUID | None, secrets: Sequence[bytes]) -> Position:
    """Read a cursor that `encode` made for `viewer`, whichever secret signed it.

    Args:
        text: What the client sent.
        viewer: Who sent it.
        session: The session that the request names, if it does.
        secrets: Those in force, the newest first.

    Raises:
        InvalidInputError: Altered, malformed, or another viewer's or session's.
    """
    refused = InvalidInputError(
        FieldProblem("cursor", "This is not a cursor of this viewer and session.")
    )
    if len(text) > _MAX_TEXT:
        raise refused
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise refused from None
    payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    genuine = [hmac.compare_digest(_mac(payload, viewer, secret), mac) for secret in secrets]
    canonical = base64.urlsafe_b64encode(raw).decode().rstrip("=") == text
    if not (any(genuine) and canonical and len(payload) >= _HEAD.size):
        raise refused
    head, mask = payload[-_HEAD.size :], payload[: -_HEAD.size]
    version, session_bytes, page_no, queue_page_no, cache_only_pages, last_creator = _HEAD.unpack(
        head
    )
    position = Position(
        session=UUID(bytes=session_bytes),
        page_no=page_no,
        queue_page_no=queue_page_no,
        used=int.from_bytes(mask, "big"),
        last_creator=last_creator,
        cache_only_pages=cache_only_pages,
    )
    if version != _VERSION or (session is not None and session != position.session):
        raise refused
    return position


def _mac(payload: bytes, viewer: UUID, secret: bytes) -> bytes:
    return hmac.digest(secret, viewer.bytes + payload, "sha256")[:_MAC_BYTES]
