"""Check the tokens of signed playback by Mux's rules."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local.mux.errors import MuxError
from local.mux.records import SigningKey

ALGORITHMS = ["RS256"]
# The audience of a token says what it plays or shows.
AUDIENCES = {"video": "v", "thumbnail": "t", "animated": "g", "storyboard": "s"}


def verify(token: str, playback_id: str, kind: str, keys: Mapping[str, SigningKey]) -> Any:  # noqa: ANN401 - JSON
    """Return the claims of a token.

    Args:
        token: A JSON Web Token. Its key id stands in the header or among the claims.
        playback_id: The playback id that the token must be about.
        kind: What it must be for, a key of `AUDIENCES`.
        keys: The signing keys of the account, by id.

    Raises:
        MuxError: The token does not allow this (403).
    """
    try:
        header = jwt.get_unverified_header(token)
        unverified = jwt.decode(token, options={"verify_signature": False})
        key = keys.get(str(header.get("kid") or unverified.get("kid")))
        if key is None:
            raise _forbidden("The token names no signing key of this account")
        private = load_pem_private_key(b64decode(key.private_key), password=None)
        claims = jwt.decode(
            token,
            private.public_key(),  # type: ignore[arg-type] # an RSA key, as the stand-in makes them
            algorithms=ALGORITHMS,
            audience=AUDIENCES[kind],
            options={"require": ["exp", "sub", "aud"], "verify_sub": False},
        )
    except jwt.InvalidTokenError as error:
        raise _forbidden(f"The token is not valid: {error}") from error
    if claims["sub"] != playback_id:
        raise _forbidden("The token is about another playback id")
    return claims


def _forbidden(message: str) -> MuxError:
    return MuxError(403, "forbidden", message)
