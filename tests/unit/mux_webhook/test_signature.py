"""The signature of a webhook, and every way in which it can be wrong."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from functions.mux_webhook.signature import InvalidSignatureError, SignatureFault, sign, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET = "whsec-new"
OLD = "whsec-old"
BODY = b'{"type":"video.asset.ready"}'
NOW = 1_800_000_000


def fault_of(header: str | None, body: bytes = BODY, secrets: Sequence[str] = (SECRET,)) -> str:
    """Verify what has to be refused, and return the fault."""
    with pytest.raises(InvalidSignatureError) as refused:
        verify(header, body, secrets, NOW)
    return refused.value.fault


def test_each_cause_of_a_refusal_has_its_own_reason() -> None:
    time, v1 = sign(SECRET, BODY, NOW).split(",")
    assert fault_of(None) == "missing"
    assert fault_of(time) == "malformed"
    assert fault_of(sign(SECRET, BODY, NOW - 301)) == "outdated"
    assert fault_of(f"{time},{v1}", body=BODY + b" ") == "mismatch"


def test_the_header_is_the_one_that_mux_documents() -> None:
    # printf '1.{}' | openssl dgst -sha256 -hmac secret
    digest = "1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908"
    assert sign("secret", b"{}", 1) == f"t=1,v1={digest}"


@pytest.mark.parametrize("secret", [SECRET, OLD])
@pytest.mark.parametrize("age", [-300, 0, 300])
def test_any_secret_in_force_verifies_within_five_minutes_either_way(secret: str, age: int) -> None:
    verify(sign(secret, BODY, NOW - age), BODY, [SECRET, OLD], NOW)


def test_one_of_several_v1_values_is_enough() -> None:
    time, good = sign(SECRET, BODY, NOW).split(",")
    verify(f"{time},v1={'0' * 64},{good}", BODY, [SECRET], NOW)
    verify(f"{time},v0=x,{good}", BODY, [SECRET], NOW)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.999])
@pytest.mark.parametrize("age", [-300, 300])
def test_five_minutes_are_counted_in_whole_seconds(age: int, part: float) -> None:
    verify(sign(SECRET, BODY, NOW - age), BODY, [SECRET], NOW + part)
    beyond = age + (1 if age > 0 else -1)
    with pytest.raises(InvalidSignatureError):
        verify(sign(SECRET, BODY, NOW - beyond), BODY, [SECRET], NOW + part)


@pytest.mark.parametrize("age", [-301, 301, 10**9])
def test_an_old_or_early_signature_is_refused(age: int) -> None:
    assert fault_of(sign(SECRET, BODY, NOW - age)) == SignatureFault.OUTDATED


@pytest.mark.parametrize("header", [None, ""])
def test_a_request_without_the_header_is_refused(header: str | None) -> None:
    assert fault_of(header) == SignatureFault.MISSING


@pytest.mark.parametrize(
    "header",
    [
        sign("another secret", BODY, NOW),
        f"t={NOW},v1={'0' * 64}",
        f"t={NOW - 300},v1={'0' * 64}",
    ],
)
def test_the_hash_of_another_secret_is_refused(header: str) -> None:
    assert fault_of(header) == SignatureFault.MISMATCH


@pytest.mark.parametrize(
    "header",
    [
        sign(SECRET, BODY, NOW).replace("v1=", "v0="),
        sign(SECRET, BODY, NOW).split(",")[0],
        sign(SECRET, BODY, NOW).split(",")[1],
        sign(SECRET, BODY, NOW).split("v1=")[1],
        f"t={NOW},v1=",
        f"t=,{sign(SECRET, BODY, NOW).split(',')[1]}",
        f"t=now,{sign(SECRET, BODY, NOW).split(',')[1]}",
        f"t={NOW},{sign(SECRET, BODY, NOW)}",
        f"t={'9' * 400},{sign(SECRET, BODY, NOW).split(',')[1]}",
        f"t=\u0661,{sign(SECRET, BODY, NOW).split(',')[1]}",
        "t" * 100_000,
        f"{sign(SECRET, BODY, NOW)},{'x' * 4_096}",
        "t=1,v1=" + "ä" * 64,
    ],
)
def test_a_malformed_header_is_refused(header: str) -> None:
    assert fault_of(header) == SignatureFault.MALFORMED


def test_an_uppercase_hash_is_refused() -> None:
    time, v1 = sign(SECRET, BODY, NOW).split(",")
    digest = v1.removeprefix("v1=").upper()
    assert digest != digest.lower()
    with pytest.raises(InvalidSignatureError):
        verify(f"{time},v1={digest}", BODY, [SECRET], NOW)


def test_no_byte_of_the_body_may_differ() -> None:
    header = sign(SECRET, BODY, NOW)
    for n in range(len(BODY)):
        changed = bytearray(BODY)
        changed[n] ^= 1
        with pytest.raises(InvalidSignatureError):
            verify(header, bytes(changed), [SECRET], NOW)
    for other in (b"", BODY + b" ", base64.b64encode(BODY), BODY.replace(b":", b": ")):
        with pytest.raises(InvalidSignatureError):
            verify(header, other, [SECRET], NOW)


def test_without_a_secret_nothing_is_valid() -> None:
    with pytest.raises(InvalidSignatureError):
        verify(sign(SECRET, BODY, NOW), BODY, [], NOW)
