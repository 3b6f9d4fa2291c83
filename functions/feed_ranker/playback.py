"""Make the addresses of videos and pictures when an answer is written, and sign those that need it.

No address is stored for the feed. A changed base, or a playback id that was replaced, shows in the
next answer.
"""

from __future__ import annotations

import base64
import binascii
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from shared.settings import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# The audience of a token says what it opens: https://www.mux.com/docs/guides/secure-video-playback
_VIDEO: Final = "v"
_THUMBNAIL: Final = "t"
_STORYBOARD: Final = "s"
_MAX_KEPT: Final = 20_000  # tokens


def _pem(text: str) -> bytes:
    """Return a private key in PEM, which Mux hands out as base64 of PEM."""
    if text.lstrip().startswith("-----BEGIN"):
        return text.encode()
    return base64.b64decode("".join(text.split()), validate=True)


def _load(text: str) -> RSAPrivateKey:
    # Imported here because it takes a while, and only signed playback needs it.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    key = load_pem_private_key(_pem(text), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("no RSA key")
    return key


def _that_signs(secret: SecretStr) -> SecretStr:
    try:
        _load(secret.get_secret_value())
    except (ValueError, TypeError, binascii.Error):
        raise PydanticCustomError(
            "signing_key", "is not an RSA private key in PEM, or that as base64"
        ) from None
    return secret


SigningKey = Annotated[Secret, AfterValidator(_that_signs)]


class PlaybackTokens:
    """Make tokens by Mux's rule: RS256, with the playback id, what it opens, and when it expires.

    A token is made once for all viewers in a quarter of its lifetime, because signing takes most of
    the time that a signed page costs. Addresses that stay the same can be cached, too.
    """

    def __init__(self, key_id: str, key: SecretStr, lifetime_s: int) -> None:
        """Sign with a key.

        Args:
            key_id: The key's id at Mux.
            key: The private key, in PEM or as base64 of PEM.
            lifetime_s: The least seconds for which a token is valid.
        """
        self._key_id = key_id
        self._key = _load(key.get_secret_value())
        self._lifetime_s = lifetime_s
        self._signed = functools.lru_cache(_MAX_KEPT)(self._sign)

    def token(self, playback_id: str, audience: str, now_s: float) -> str:
        """Return a token that is valid from now on.

        Args:
            playback_id: The video.
            audience: `v` for the video, `t` for its thumbnails, `s` for its storyboard.
            now_s: The present time in Unix seconds.
        """
        step_s = max(self._lifetime_s // 4, 1)
        expires_at = (int(now_s) // step_s + 1) * step_s + self._lifetime_s
        return self._signed(playback_id, audience, expires_at)

    def _sign(self, playback_id: str, audience: str, expires_at: int) -> str:
        import jwt  # noqa: PLC0415  # as above

        claims = {"sub": playback_id, "aud": audience, "exp": expires_at, "kid": self._key_id}
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})


@dataclass(frozen=True, slots=True)
class PlaybackUrls:
    """Make addresses.

    Attributes:
        stream: Where playlists are served.
        image: Where thumbnails and storyboards are served.
        tokens: Signs the addresses of videos with a signed policy; None where no key is set.
    """

    stream: str
    image: str
    tokens: PlaybackTokens | None = None

    def of(self, content: dict[str, Any], now_s: float) -> dict[str, str]:
        """Make the addresses of one post's video.

        Args:
            content: The post's content, with `playback_id` and `signed`.
            now_s: The present time in Unix seconds, from which tokens expire.

        Returns:
            `hls_url` and `thumbnail_url`; of a signed video also `storyboard_url`, because a client
            cannot make its token.
        """
        playback_id = content["playback_id"]
        hls_url = f"{self.stream.rstrip('/')}/{playback_id}.m3u8"
        picture = f"{self.image.rstrip('/')}/{playback_id}"
        if not content.get("signed"):
            return {"hls_url": hls_url, "thumbnail_url": f"{picture}/thumbnail.webp"}

        def token(audience: str) -> str:
            return (
                f"?token={self.tokens.token(playback_id, audience, now_s)}" if self.tokens else ""
            )

        return {
            "hls_url": hls_url + token(_VIDEO),
            "thumbnail_url": f"{picture}/thumbnail.webp" + token(_THUMBNAIL),
            "storyboard_url": f"{picture}/storyboard.vtt" + token(_STORYBOARD),
        }
