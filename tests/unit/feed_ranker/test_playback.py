"""The addresses of videos, and the tokens of those that are signed."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import BaseModel, SecretStr, ValidationError

from functions.feed_ranker.playback import PlaybackTokens, PlaybackUrls, SigningKey
from functions.feed_ranker.settings import FeedSettings
from shared.errors import SettingsError
from shared.settings import load

NOW = 1_800_000_000.0
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
).decode()
SETTINGS = {
    "DATABASE_URL": "postgresql://vroom_app@db.example/vroom",
    "SESSION_TABLE": "sessions",
    "CURSOR_SECRET": "x" * 16,
}


def tokens(lifetime_s: int = 3_600) -> PlaybackTokens:
    return PlaybackTokens("key-1", SecretStr(PEM), lifetime_s)


def urls(base: str = "https://stream.example") -> PlaybackUrls:
    return PlaybackUrls(base, "https://image.example", tokens())


def token_of(address: str) -> str:
    (token,) = parse_qs(urlsplit(address).query)["token"]
    return token


def test_a_public_video_has_plain_addresses() -> None:
    assert urls().of({"playback_id": "p", "signed": False}, NOW) == {
        "hls_url": "https://stream.example/p.m3u8",
        "thumbnail_url": "https://image.example/p/thumbnail.webp",
    }


def test_an_address_follows_the_base_whatever_is_stored() -> None:
    content = {"playback_id": "p", "signed": False, "hls_url": "http://127.0.0.1:1/p.m3u8"}
    moved = urls("http://127.0.0.1:2/").of(content, NOW)
    assert moved["hls_url"] == "http://127.0.0.1:2/p.m3u8"


@pytest.mark.parametrize(
    ("field", "path", "audience"),
    [
        ("hls_url", "/p.m3u8", "v"),
        ("thumbnail_url", "/p/thumbnail.webp", "t"),
        ("storyboard_url", "/p/storyboard.vtt", "s"),
    ],
)
def test_each_address_of_a_signed_video_opens_by_muxs_rule(
    field: str, path: str, audience: str
) -> None:
    address = urls().of({"playback_id": "p", "signed": True}, NOW)[field]
    assert urlsplit(address).path == path
    token = token_of(address)
    # Mux's rule: RS256, sub is the playback id, aud what it opens, exp in the future, kid the key.
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["kid"]) == ("RS256", "key-1")
    claims = jwt.decode(
        token,
        KEY.public_key(),
        algorithms=["RS256"],
        audience=audience,
        options={"require": ["sub", "aud", "exp"], "verify_exp": False},
    )
    assert (claims["sub"], claims["aud"], claims["kid"]) == ("p", audience, "key-1")
    assert claims["exp"] - NOW >= 3_600


def test_a_token_is_refused_for_anything_else() -> None:
    token = token_of(urls().of({"playback_id": "p", "signed": True}, NOW)["thumbnail_url"])
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, KEY.public_key(), algorithms=["RS256"], audience="v")
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, other.public_key(), algorithms=["RS256"], audience="t")


def test_a_token_is_the_same_for_a_quarter_of_its_lifetime_and_never_valid_for_less() -> None:
    made = tokens(3_600)
    expiries = []
    for second in range(0, 3_601, 100):
        now = NOW + second
        options = {"verify_signature": False}
        claims = jwt.decode(made.token("p", "v", now), options=options)  # type: ignore[arg-type]
        assert 3_600 <= claims["exp"] - now <= 3_600 * 1.25
        expiries.append(claims["exp"])
    assert len(set(expiries)) <= 5


@pytest.mark.parametrize("key", [PEM, base64.b64encode(PEM.encode()).decode()])
def test_the_key_is_taken_as_mux_hands_it_out(key: str) -> None:
    given = SETTINGS | {"MUX_SIGNING_KEY": key, "MUX_SIGNING_KEY_ID": "key-1"}
    settings = load(FeedSettings, given)
    assert settings.mux_signing_key is not None
    made = PlaybackTokens("key-1", settings.mux_signing_key, 60)
    assert jwt.decode(
        made.token("p", "v", NOW),
        KEY.public_key(),
        algorithms=["RS256"],
        audience="v",
        options={"verify_exp": False},
    )


def test_the_key_may_be_the_arn_of_a_secret() -> None:
    given = {"MUX_SIGNING_KEY_SECRET_ARN": "arn", "MUX_SIGNING_KEY_ID": "key-1"}
    settings = load(FeedSettings, SETTINGS | given, read_secret=lambda _: PEM)
    assert settings.mux_signing_key is not None


class Holder(BaseModel):
    """A model with nothing but a key."""

    key: SigningKey


def test_what_is_no_rsa_key_is_refused_without_being_repeated() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for key in ("hunter2", "aHVudGVyMg==", curve.decode(), PEM[:200]):
        with pytest.raises(ValidationError, match="not an RSA private key"):
            Holder.model_validate({"key": key})
        given = {"MUX_SIGNING_KEY": key, "MUX_SIGNING_KEY_ID": "key-1"}
        with pytest.raises(SettingsError) as refused:
            load(FeedSettings, SETTINGS | given)
        assert key not in str(refused.value)


@pytest.mark.parametrize("given", [{"MUX_SIGNING_KEY": PEM}, {"MUX_SIGNING_KEY_ID": "key-1"}])
def test_half_a_key_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="are needed together"):
        load(FeedSettings, SETTINGS | given)
