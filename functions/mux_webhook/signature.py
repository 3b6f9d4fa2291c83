"""Verify Mux's webhook signature, `mux-signature: t=<unix seconds>,v1=<hex>`.

`v1` is the HMAC-SHA256 of `t`, a dot and the raw body.
See https://www.mux.com/docs/core/verify-webhook-signatures.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from shared.errors import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE_S: Final = 300
_MAX_HEADER: Final = 4_096
_TIME: Final = re.compile(r"[0-9]{1,12}")
_V1: Final = re.compile(r"[0-9a-f]{64}")


class SignatureFault(StrEnum):
    """Why a request is not taken for one of Mux's."""

    MISSING = "missing"
    """The request has no `mux-signature` header."""
    MALFORMED = "malformed"
    """The header does not hold one time and at least one `v1` hash."""
    OUTDATED = "outdated"
    """The header's time is more than five minutes away from ours, before or after."""
    MISMATCH = "mismatch"
    """No configured secret makes this hash of this body."""
    UNREADABLE_BODY = "unreadable_body"
    """The body is flagged as base64 and is not base64."""


class InvalidSignatureError(UnauthorizedError):
    """The request carries no valid signature of Mux.

    Clients are told no more than this. The fault goes to the log and the metrics.

    Attributes:
        fault: Which check failed.
    """

    def __init__(self, fault: SignatureFault) -> None:
        super().__init__()
        self.fault = fault


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """Make the header's value with which Mux sends `body`.

    Args:
        secret: The webhook's signing secret.
        body: The bytes sent.
        timestamp: When it is sent, in Unix seconds.
    """
    return f"t={timestamp},v1={_digest(secret, body, str(timestamp))}"


def verify(header: str | None, body: bytes, secrets: Sequence[str], now: float) -> None:
    """Accept a body that Mux signed with one of `secrets` at most 300 s away from `now`.

    Args:
        header: The value of `mux-signature`.
        body: The bytes received, before any parsing.
        secrets: Those in force. There is more than one while they are rotated.
        now: The present time in Unix seconds.

    Raises:
        InvalidSignatureError: A check failed; the error says which.
    """
    if not header:
        raise InvalidSignatureError(SignatureFault.MISSING)
    time, given = _parts_of(header)
    # Mux counts whole seconds, so this does too.
    if abs(int(now) - int(time)) > TOLERANCE_S:
        raise InvalidSignatureError(SignatureFault.OUTDATED)
    # All pairs are compared, so that the time this takes does not tell which one nearly matched.
    expected = [_digest(secret, body, time) for secret in secrets]
    matches = [hmac.compare_digest(e, g) for e in expected for g in given]
    if not any(matches):
        raise InvalidSignatureError(SignatureFault.MISMATCH)


def _parts_of(header: str) -> tuple[str, list[str]]:
    """Split the header into its time and its `v1` hashes."""
    pairs = [part.strip().partition("=") for part in header[: _MAX_HEADER + 1].split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    given = [value for key, _, value in pairs if key == "v1" and _V1.fullmatch(value)]
    has_one_time = len(times) == 1 and _TIME.fullmatch(times[0]) is not None
    if len(header) > _MAX_HEADER or not has_one_time or not given:
        raise InvalidSignatureError(SignatureFault.MALFORMED)
    return times[0], given


def _digest(secret: str, body: bytes, timestamp: str) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
