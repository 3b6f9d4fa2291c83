from __future__ import annotations

import base64
import hashlib
import hmac
import json
import stat
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.errors import StackError
from local.gateway.authorizer import Authorizer, UnauthorizedError, load_key

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
AUTHORIZER = Authorizer(KEY, "https://issuer", ["viewers"])
RS256, HS256 = b'{"alg": "RS256"}', b'{"alg": "HS256", "typ": "JWT"}'
GOOD: dict[str, Any] = {"iss": "https://issuer", "aud": "viewers", "sub": "7"}


def token(algorithm: str = "RS256", key: RSAPrivateKey | str = KEY, **claims: object) -> str:
    complete = {"exp": int(time.time()) + 60, **GOOD, **claims}
    kept = {name: value for name, value in complete.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm)


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_an_issued_token_is_accepted_and_names_the_viewer() -> None:
    claims = AUTHORIZER.authorize(f"Bearer {AUTHORIZER.issue_token('7')}")
    assert (claims["sub"], claims["iss"], claims["aud"]) == ("7", "https://issuer", "viewers")


def test_an_issued_token_may_have_expired_already() -> None:
    with pytest.raises(UnauthorizedError, match="expired"):
        AUTHORIZER.authorize(f"Bearer {AUTHORIZER.issue_token('7', expires_in=-1)}")


def test_all_claims_become_text() -> None:
    sent = token(exp=4_102_444_800, admin=True, level=1.5, groups=["a", "b"], of={"x": 1})
    claims = AUTHORIZER.authorize(f"Bearer {sent}")
    assert claims["exp"] == "4102444800"
    assert (claims["admin"], claims["level"], claims["groups"]) == ("true", "1.5", "[a b]")
    assert all(isinstance(value, str) for value in claims.values())


def test_the_scheme_may_be_in_any_case() -> None:
    assert AUTHORIZER.authorize(f"bearer {token()}")["sub"] == "7"


def test_client_id_stands_in_for_a_missing_audience_only() -> None:
    assert AUTHORIZER.authorize(f"Bearer {token(aud=None, client_id='viewers')}")["sub"] == "7"
    with pytest.raises(UnauthorizedError):
        AUTHORIZER.authorize(f"Bearer {token(aud='others', client_id='viewers')}")


def test_one_of_several_audiences_is_enough() -> None:
    assert AUTHORIZER.authorize(f"Bearer {token(aud=['others', 'viewers'])}")["sub"] == "7"


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer ...", "Bearer \xff.b.c"],
)
def test_without_a_bearer_token_nobody_passes(header: str | None) -> None:
    with pytest.raises(UnauthorizedError):
        AUTHORIZER.authorize(header)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"nbf": 4_102_444_800},
        {"iat": 4_102_444_800},
        {"iat": "now"},
        {"iss": "https://others"},
        {"iss": None},
        {"iss": ["https://issuer"]},
        {"aud": "others"},
        {"aud": None},
        {"aud": [["viewers"]]},
        {"aud": {"viewers": 1}},
        {"sub": 7},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(UnauthorizedError):
        AUTHORIZER.authorize(f"Bearer {_signed(claims)}")


def _signed(claims: dict[str, Any]) -> str:
    """Signed by hand: PyJWT itself refuses to encode some of these."""
    complete = {"exp": int(time.time()) + 60, **GOOD, **claims}
    kept = {name: value for name, value in complete.items() if value is not None}
    signer = jwt.get_algorithm_by_name("RS256")
    signed = f"{segment(RS256)}.{segment(json.dumps(kept).encode())}"
    return f"{signed}.{segment(signer.sign(signed.encode(), KEY))}"


def test_a_token_signed_by_hand_passes_while_its_claims_are_right() -> None:
    assert AUTHORIZER.authorize(f"Bearer {_signed({})}")["sub"] == "7"


def test_a_token_of_another_key_is_refused() -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(UnauthorizedError):
        AUTHORIZER.authorize(f"Bearer {token(key=stranger)}")


def test_a_token_without_signature_is_refused() -> None:
    with pytest.raises(UnauthorizedError):
        AUTHORIZER.authorize(f"Bearer {token('none', '')}")


def test_a_token_signed_with_the_public_key_as_hmac_secret_is_refused() -> None:
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = json.dumps({"exp": int(time.time()) + 60, **GOOD}).encode()
    signed = f"{segment(HS256)}.{segment(claims)}"
    signature = segment(hmac.digest(public, signed.encode(), hashlib.sha256))
    with pytest.raises(UnauthorizedError):
        AUTHORIZER.authorize(f"Bearer {signed}.{signature}")


def test_a_changed_claim_breaks_the_signature() -> None:
    head, _, signature = token().split(".")
    forged = segment(json.dumps({"exp": int(time.time()) + 60, **GOOD, "sub": "8"}).encode())
    with pytest.raises(UnauthorizedError):
        AUTHORIZER.authorize(f"Bearer {head}.{forged}.{signature}")


def test_the_key_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    first = Authorizer(load_key(path), "i", ["a"])
    second = Authorizer(load_key(path), "i", ["a"])
    assert second.authorize(f"Bearer {first.issue_token('7')}")["sub"] == "7"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("no key")
    with pytest.raises(StackError, match="holds no RSA key"):
        load_key(path)


def test_a_token_may_hold_the_viewer_in_a_claim_of_its_own() -> None:
    authorizer = Authorizer(KEY, "https://issuer", ["viewers"], claim="https://vroom/user_id")
    claims = authorizer.authorize(f"Bearer {authorizer.issue_token('7')}")
    assert claims["https://vroom/user_id"] == "7"
    assert claims["sub"] == "local|7"
