"""The JWT authorizer of an HTTP API, with keys of our own, and the tokens that it accepts."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.errors import StackError
from local.state import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# What an HTTP API accepts: RSA signatures only, so that neither `none` nor an HMAC keyed with the
# public key can pass.
ALGORITHMS = ["RS256"]
DEFAULT_LIFETIME_S = 3600
CLIENT_ID = "local-app"


class UnauthorizedError(Exception):
    """A request without a token that the authorizer accepts."""


def load_key(path: Path) -> RSAPrivateKey:
    """The signing key kept in a file, drawn and written (mode 0600) where there is none.

    Raises:
        StackError: the file holds no RSA key.
    """
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(path, pem.decode())
        return key
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        loaded = None
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise StackError(f"{path} holds no RSA key: remove it, a new one is then drawn")
    return loaded


class Authorizer:
    """Checks viewers' tokens as API Gateway does, and issues them.

    Args:
        key: signs and, its public half, checks.
        issuer: the `iss` that a token must have.
        audiences: of which a token's `aud` (or, without one, its `client_id`) must name one.
        claim: the claim that holds the viewer's id (`VIEWER_ID_CLAIM`).
    """

    def __init__(
        self, key: RSAPrivateKey, issuer: str, audiences: Sequence[str], *, claim: str = "sub"
    ) -> None:
        self._claim = claim
        self._key = key
        self._issuer = issuer
        self._audiences = list(audiences)

    def issue_token(self, user_id: str, *, expires_in: int = DEFAULT_LIFETIME_S) -> str:
        """A token of a viewer.

        Args:
            user_id: becomes the claim that holds the viewer's id. Where that is not `sub`, the
                `sub` is one as issuers write them.
            expires_in: seconds from now; a negative number makes an expired token.
        """
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audiences[0],
            "sub": f"local|{user_id}",
            "iat": now + min(expires_in, 0),
            "exp": now + expires_in,
            "jti": str(uuid.uuid4()),
            "client_id": CLIENT_ID,
            self._claim: user_id,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHMS[0])

    def authorize(self, header: str | None) -> dict[str, str]:
        """Checks an Authorization header.

        Returns:
            The token's claims, all as text, as they stand in `authorizer.jwt.claims`.

        Raises:
            UnauthorizedError: no bearer token, or one that is malformed, of another signature,
                algorithm, issuer or audience, expired or not valid yet.
        """
        scheme, _, token = (header or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError("the request has no bearer token")
        try:
            claims: dict[str, Any] = jwt.decode(
                token.strip(),
                self._key.public_key(),
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                # The audience is checked below: client_id may stand in for it.
                options={"require": ["exp", "iss"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError as error:
            raise UnauthorizedError("the token has expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise UnauthorizedError("the token is not valid") from error
        audience = claims.get("aud", claims.get("client_id"))
        named = audience if isinstance(audience, list) else [audience]
        if not set(self._audiences) & {name for name in named if isinstance(name, str)}:
            raise UnauthorizedError("the token is for another audience")
        return {name: _as_text(value) for name, value in claims.items()}


def _as_text(value: Any) -> str:  # noqa: ANN401  (any JSON)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(_as_text(item) for item in value)}]"
    return json.dumps(value)
