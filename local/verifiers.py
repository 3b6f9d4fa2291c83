"""Passwords as Postgres stores them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_SCRAM = re.compile(r"SCRAM-SHA-256\$(\d+):([^$:]+)\$([^$:]+):[^$:]+")


def is_verifier_of(verifier: str, password: str) -> bool:
    """Tell whether a SCRAM verifier, as Postgres stores it, is that of an ASCII password.

    Its form is `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5803).
    """
    found = _SCRAM.fullmatch(verifier)
    if found is None:
        return False
    iterations, salt, stored = found.groups()
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), _bytes(salt), int(iterations))
    key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(key, _bytes(stored))


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
