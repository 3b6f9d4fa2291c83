"""Signed playback ids play with a token that Mux would accept, and with no other."""

import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import mux_python
import pytest

from tests.integration.local.mux.running import TIMEOUT, Running
from tests.media import media_seconds


@dataclass
class Signer:
    """A signing key of the account."""

    key_id: str
    private_key: bytes

    def token(self, playback_id: str, audience: str, **claims: Any) -> str:  # noqa: ANN401 - JSON
        return self.raw({"sub": playback_id, "aud": audience, "exp": time.time() + 60} | claims)

    def raw(self, claims: dict[str, Any], *, in_header: bool = False, **options: Any) -> str:  # noqa: ANN401
        place = {"kid": self.key_id}
        if in_header:
            return jwt.encode(claims, self.private_key, "RS256", headers=place, **options)
        return jwt.encode(claims | place, self.private_key, "RS256", **options)


@pytest.fixture
def signer(mux: Running) -> Signer:
    keys = mux_python.SigningKeysApi(mux.client)
    made = keys.create_signing_key(_request_timeout=TIMEOUT).data
    return Signer(made.id, base64.b64decode(made.private_key))


@pytest.fixture
def signed(mux: Running, videos: dict[str, Path]) -> str:
    playback_ids = mux.upload(videos["short"], playback_policies=["signed"]).playback_ids
    assert playback_ids[0].policy == "signed"
    key: str = playback_ids[0].id
    return key


def test_a_token_plays_the_stream_with_all_of_its_segments(
    mux: Running, signer: Signer, signed: str
) -> None:
    token = signer.token(signed, "v")
    assert media_seconds(f"{mux.url}/{signed}.m3u8?token={token}") == pytest.approx(4, abs=0.2)
    assert mux.http.get(f"/{signed}/00000.ts").status_code == 403
    in_header = signer.raw({"sub": signed, "aud": "v", "exp": time.time() + 60}, in_header=True)
    assert mux.http.get(f"/{signed}.m3u8?token={in_header}").status_code == 200


@pytest.mark.parametrize(
    ("path", "audience"),
    [
        (".m3u8", "v"),
        ("/thumbnail.webp", "t"),
        ("/animated.webp", "g"),
        ("/storyboard.jpg", "s"),
        ("/storyboard.vtt", "s"),
    ],
)
def test_a_token_is_for_one_kind_of_answer(
    mux: Running, signer: Signer, signed: str, path: str, audience: str
) -> None:
    for other in "vtgs":
        answer = mux.http.get(f"/{signed}{path}?token={signer.token(signed, other)}")
        assert answer.status_code == (200 if other == audience else 403)


def test_parameters_of_a_signed_picture_are_those_of_the_token(
    mux: Running, signer: Signer, signed: str
) -> None:
    token = signer.token(signed, "t", time=-1)
    assert mux.http.get(f"/{signed}/thumbnail.webp?token={token}").status_code == 400
    token = signer.token(signed, "t", width=64)
    assert mux.http.get(f"/{signed}/thumbnail.webp?time=-1&token={token}").status_code == 200


def test_addresses_within_a_storyboard_carry_its_token(
    mux: Running, signer: Signer, signed: str
) -> None:
    token = signer.token(signed, "s")
    board = mux.http.get(f"/{signed}/storyboard.json?token={token}").json()
    assert mux.http.get(board["url"]).headers["content-type"] == "image/jpeg"


def test_a_token_that_mux_would_refuse_is_refused(
    mux: Running, signer: Signer, signed: str
) -> None:
    good = {"sub": signed, "aud": "v", "exp": time.time() + 60}
    payload = {"sub": signed, "aud": "v", "exp": time.time() + 60, "kid": signer.key_id}
    whole = signer.raw(good)
    refused = {
        "none at all": "",
        "no token": "abc",
        "expired": signer.raw(good | {"exp": time.time() - 1}),
        "without an expiry": signer.raw({"sub": signed, "aud": "v"}),
        "about another": signer.raw(good | {"sub": "another"}),
        "of an unknown key": Signer("unknown", signer.private_key).raw(good),
        "unsigned": jwt.encode(payload, "", "none"),
        "signed by a shared secret": jwt.encode(payload, "s" * 32, "HS256"),
        "altered": whole[:-8] + ("A" * 8),
    }
    for why, token in refused.items():
        assert mux.http.get(f"/{signed}.m3u8?token={token}").status_code == 403, why
    mux_python.SigningKeysApi(mux.client).delete_signing_key(
        signer.key_id, _request_timeout=TIMEOUT
    )
    assert mux.http.get(f"/{signed}.m3u8?token={whole}").status_code == 403


def test_a_public_id_refuses_a_token(mux: Running, signer: Signer, videos: dict[str, Path]) -> None:
    public = mux.upload(videos["short"]).playback_ids[0].id
    token = signer.token(public, "v")
    assert mux.http.get(f"/{public}.m3u8?token={token}").status_code == 403
    assert mux.http.get(f"/{public}.m3u8").status_code == 200
