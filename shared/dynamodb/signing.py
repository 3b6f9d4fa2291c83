"""AWS's signature, version 4, of a POST to the root of a host.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICE: Final = "dynamodb"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def authorization(
    headers: Mapping[str, str],
    body: bytes,
    *,
    access_key: str,
    secret_key: str,
    region: str,
    timestamp: str,
) -> str:
    """Sign a request.

    Args:
        headers: All headers to be signed, their names in lower case; `host` and `x-amz-date` are
            among them.
        body: What is sent.
        access_key: Names the credentials.
        secret_key: Their secret.
        region: Of the endpoint.
        timestamp: The time as in `x-amz-date`.

    Returns:
        The header `authorization`.
    """
    names = sorted(headers)
    signed = ";".join(names)
    canonical = "\n".join(
        [
            "POST",
            "/",
            "",
            *(f"{name}:{headers[name]}" for name in names),
            "",
            signed,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    day = timestamp[:8]
    scope = f"{day}/{region}/{_SERVICE}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{hashed}"
    key = _signing_key(secret_key, day, region)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return (
        f"{_ALGORITHM} Credential={access_key}/{scope},"
        f" SignedHeaders={signed}, Signature={signature}"
    )


@functools.lru_cache(maxsize=4)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, _SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
