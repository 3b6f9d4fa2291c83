from __future__ import annotations

import base64
import string
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.feed_ranker.pages.cursor import Position, decode, encode
from functions.feed_ranker.ranking.diversity import NO_CREATOR, creator_tag
from functions.feed_ranker.ranking.queue import ranked_length
from functions.feed_ranker.requests import MAX_PAGE_SIZE
from shared.errors import FieldProblem, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

VIEWER = UUID("0b7f3c1e-58a5-4f3c-9d3b-4a8a2f6f5c11")
SESSION = UUID("5e551011-0000-4000-8000-000000000001")
SECRETS = (b"a secret of the tests",)
REFUSED = (FieldProblem("cursor", "This is not a cursor of this viewer and session."),)
URL_SAFE = string.ascii_letters + string.digits + "-_"

positions = st.builds(
    Position,
    session=st.uuids(),
    page_no=st.integers(0, 2**32 - 1),
    queue_page_no=st.integers(0, 2**32 - 1),
    used=st.integers(0, 2**170 - 1),
    last_creator=st.binary(min_size=8, max_size=8),
    cache_only_pages=st.booleans(),
)
secrets = st.binary(min_size=1, max_size=40)
EXAMPLE = encode(Position(SESSION, 3, 2, used=0b1011, last_creator=b"creator!"), VIEWER, SECRETS)


def refuses(
    text: str,
    viewer: UUID = VIEWER,
    session: UUID | None = SESSION,
    keys: Sequence[bytes] = SECRETS,
) -> bool:
    with pytest.raises(InvalidInputError) as refused:
        decode(text, viewer, session, keys)
    assert refused.value.problems == REFUSED
    return True


@given(positions, st.uuids(), secrets)
def test_a_cursor_is_read_as_it_was_written(
    position: Position, viewer: UUID, secret: bytes
) -> None:
    text = encode(position, viewer, [secret])
    assert decode(text, viewer, position.session, [secret]) == position
    assert decode(text, viewer, None, [secret]) == position


@given(positions)
def test_a_cursor_goes_into_a_url_as_it_is(position: Position) -> None:
    assert set(encode(position, VIEWER, SECRETS)) <= set(URL_SAFE)


def test_the_largest_mask_that_a_queue_needs_makes_a_short_cursor() -> None:
    used = (1 << ranked_length(MAX_PAGE_SIZE) + 16) - 1
    text = encode(Position(SESSION, used=used), VIEWER, SECRETS)
    assert len(text) < 128
    assert decode(text, VIEWER, SESSION, SECRETS).used == used


@pytest.mark.parametrize("index", range(len(EXAMPLE)))
def test_a_cursor_altered_in_any_character_is_refused(index: int) -> None:
    for other in {"A", "z", "0", "-", "_", "=", "+", "/", " ", "\n", "\0", "é"} - {EXAMPLE[index]}:
        assert refuses(EXAMPLE[:index] + other + EXAMPLE[index + 1 :])


@given(positions, st.data())
def test_a_cursor_altered_in_any_bit_is_refused(position: Position, data: st.DataObject) -> None:
    text = encode(position, VIEWER, SECRETS)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    altered = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert refuses(altered, session=None)


@given(st.integers(0, len(EXAMPLE) - 1))
def test_a_truncated_cursor_is_refused(length: int) -> None:
    assert refuses(EXAMPLE[:length])
    assert refuses(EXAMPLE[len(EXAMPLE) - length :])


@given(st.text(min_size=1, max_size=20) | st.text(URL_SAFE + "=", min_size=1, max_size=20))
def test_an_extended_cursor_is_refused(more: str) -> None:
    assert refuses(EXAMPLE + more)
    assert refuses(more + EXAMPLE)


@given(st.text() | st.text(URL_SAFE) | st.binary().map(base64.urlsafe_b64encode).map(bytes.decode))
def test_what_was_never_a_cursor_is_refused(text: str) -> None:
    assert refuses(text, session=None)


@pytest.mark.parametrize("text", ["", "=", "\ud800", "é" * 90, "A" * 10_000, EXAMPLE * 120])
def test_odd_texts_are_refused(text: str) -> None:
    assert refuses(text)


@given(positions, st.uuids(), st.uuids())
def test_another_viewers_cursor_is_refused(position: Position, one: UUID, other: UUID) -> None:
    assume(one != other)
    assert refuses(encode(position, one, SECRETS), other, position.session)


@given(positions, st.uuids())
def test_another_sessions_cursor_is_refused(position: Position, session: UUID) -> None:
    assume(session != position.session)
    assert refuses(encode(position, VIEWER, SECRETS), session=session)


@given(positions, secrets, secrets)
def test_a_cursor_signed_with_another_secret_is_refused(
    position: Position, one: bytes, other: bytes
) -> None:
    # HMAC fills short keys up with zeros
    assume(one.rstrip(b"\0") != other.rstrip(b"\0"))
    assert refuses(encode(position, VIEWER, [one]), session=position.session, keys=[other])


@given(positions)
def test_a_cursor_outlives_the_rotation_of_its_secret_until_that_is_withdrawn(
    position: Position,
) -> None:
    old = encode(position, VIEWER, [b"old"])
    assert decode(old, VIEWER, position.session, [b"new", b"old"]) == position
    assert refuses(old, session=position.session, keys=[b"new"])


@given(positions)
def test_the_first_secret_signs(position: Position) -> None:
    text = encode(position, VIEWER, [b"new", b"old"])
    assert text == encode(position, VIEWER, [b"new"])
    assert decode(text, VIEWER, position.session, [b"new"]) == position


def test_the_tags_of_creators_differ_and_none_is_that_of_no_creator() -> None:
    tags = {creator_tag(UUID(int=n)) for n in range(2_000)}
    assert len(tags) == 2_000
    assert NO_CREATOR not in tags
    assert all(len(tag) == len(NO_CREATOR) for tag in tags)
