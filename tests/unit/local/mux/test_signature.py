import hashlib
import hmac

from local.mux.webhooks.sender import sign


def test_the_signature_is_that_of_mux() -> None:
    expected = hmac.new(b"s3cret", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
    assert sign("s3cret", b'{"a":1}', 1_700_000_000) == f"t=1700000000,v1={expected}"


def test_another_secret_body_or_time_signs_differently() -> None:
    signatures = {sign("a", b"x", 1), sign("b", b"x", 1), sign("a", b"y", 1), sign("a", b"x", 2)}
    assert len({signature.partition("v1=")[2] for signature in signatures}) == 4
