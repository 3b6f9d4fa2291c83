"""What clients may send, and what not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from functions.create_upload.requests import UploadRequest, idempotency_key
from shared.errors import InvalidInputError


def parse(**changes: object) -> UploadRequest:
    return UploadRequest.model_validate({"size_bytes": 1, "duration_ms": 1} | changes)


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "<script>alert(1)</script>",
        "\u202eright to left\u202c",
        "a\tb\nc",
        "👩‍👩‍👧",
        "x" * 2200,
        "'; --",
    ],
)
def test_captions_are_text_and_kept_as_they_are(caption: str) -> None:
    assert parse(content={"caption": caption, "tags": []}).content.caption == caption


@pytest.mark.parametrize("caption", ["a\0", "\x07", "\x1b[0m", "\x85", "\x7f", "x" * 2201, None, 1])
def test_control_characters_and_endless_captions_are_refused(caption: object) -> None:
    with pytest.raises(ValidationError):
        parse(content={"caption": caption})


@pytest.mark.parametrize(
    "tags", [["x" * 65], [""], ["a\nb"], ["a\0"], ["a"] * 31, "tag", [1], {"a": 1}]
)
def test_tags_that_are_none_are_refused(tags: object) -> None:
    with pytest.raises(ValidationError):
        parse(content={"tags": tags})


@pytest.mark.parametrize("size", [0, -1, 1.5, "1", True, None, 2**63])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(ValidationError):
        parse(size_bytes=size)


@pytest.mark.parametrize("duration", [0, -1, "1", 10**12, True])
def test_a_duration_that_is_none_is_refused(duration: object) -> None:
    with pytest.raises(ValidationError):
        parse(duration_ms=duration)


@pytest.mark.parametrize("tier", ["720p", "8k", "", 1080])
def test_a_tier_that_mux_does_not_know_is_refused(tier: object) -> None:
    with pytest.raises(ValidationError):
        parse(max_resolution_tier=tier)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        parse(creator_id="x")
    with pytest.raises(ValidationError):
        parse(content={"caption": "", "html": ""})


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256, "a\n"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(InvalidInputError):
        idempotency_key(key, parse())


def test_a_key_may_be_absent() -> None:
    assert idempotency_key(None, parse()) is None
    key = idempotency_key("a" * 255, parse())
    assert key is not None
    assert key.text == "a" * 255


def test_a_key_stands_for_what_was_asked_whoever_is_named() -> None:
    def hash_of(**asked: object) -> str:
        key = idempotency_key("k", parse(**asked))
        assert key is not None
        return key.request_hash

    assert hash_of() == hash_of(user_id="6f1c4c5e-0000-4000-8000-000000000001")
    assert hash_of() != hash_of(duration_ms=2)
