"""Mux's webhook signature: `mux-signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`.

https://www.mux.com/docs/core/verify-webhook-signatures
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from shared.errors import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE_S: Final = 300
_MAX_HEADER: Final = 4_096
_TIME: Final = re.compile(r"[0-9]{1,12}")
_V1: Final = re.compile(r"[0-9a-f]{64}")


class InvalidSignatureError(UnauthorizedError):
    """The request carries no valid signature of Mux."""


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """The header's value with which Mux sends `body`.

    Args:
        secret: The webhook's signing secret.
        body: The bytes sent.
        timestamp: Unix seconds of the sending.
    """
    return f"t={timestamp},v1={_digest(secret, body, str(timestamp))}"


def verify(header: str | None, body: bytes, secrets: Sequence[str], now: float) -> None:
    """Accept a body that Mux has signed with one of `secrets` in the last or next 300 s.

    Args:
        header: The value of `mux-signature`.
        body: The bytes received, before any parsing.
        secrets: Those in force; more than one while they are rotated.
        now: Unix seconds.

    Raises:
        InvalidSignatureError: Anything else.
    """
    if not header or len(header) > _MAX_HEADER:
        raise InvalidSignatureError
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    given = [value for key, _, value in pairs if key == "v1" and _V1.fullmatch(value)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not given:
        raise InvalidSignatureError
    # In whole seconds, as Mux counts them.
    if abs(int(now) - int(times[0])) > TOLERANCE_S:
        raise InvalidSignatureError
    # Every pair is compared, so that the time taken tells nothing of which one nearly matched.
    expected = [_digest(secret, body, times[0]) for secret in secrets]
    matches = [hmac.compare_digest(e, g) for e in expected for g in given]
    if not any(matches):
        raise InvalidSignatureError


def _digest(secret: str, body: bytes, timestamp: str) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
