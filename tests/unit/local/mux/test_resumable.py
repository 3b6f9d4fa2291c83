import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.mux.uploads.resumable import (
    CHUNK,
    ContentRange,
    RangeRefusedError,
    bytes_to_skip,
    parse_range,
    range_header,
    whole_chunks,
)


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        (f"bytes 0-{CHUNK - 1}/{CHUNK + 5}", ContentRange(0, CHUNK - 1, CHUNK + 5)),
        (f"bytes {CHUNK}-{CHUNK + 4}/{CHUNK + 5}", ContentRange(CHUNK, CHUNK + 4, CHUNK + 5)),
        (f"bytes 0-{2 * CHUNK - 1}/*", ContentRange(0, 2 * CHUNK - 1, None)),
        ("bytes 0-0/1", ContentRange(0, 0, 1)),
        ("bytes */10", ContentRange(None, None, 10)),
        ("bytes */*", ContentRange(None, None, None)),
    ],
)
def test_chunks_and_questions_are_understood(header: str, parsed: ContentRange) -> None:
    assert parse_range(header) == parsed


@pytest.mark.parametrize(
    "header",
    [
        "",
        "0-1/2",
        "bytes 0-1",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes 0-99/1000",
        "bytes 0-99/*",
        "bytes -1-4/10",
        "bytes 0-1/2 ; x",
        f"bytes 0-{CHUNK}/{CHUNK * 4}",
    ],
)
def test_a_range_that_breaks_the_protocol_is_refused(header: str) -> None:
    with pytest.raises(RangeRefusedError):
        parse_range(header)


def test_a_chunk_behind_a_gap_is_not_kept() -> None:
    assert bytes_to_skip(CHUNK, ContentRange(2 * CHUNK, 3 * CHUNK - 1, None)) is None


def test_a_repeated_chunk_is_skipped_whole_and_an_overlapping_one_in_part() -> None:
    assert bytes_to_skip(2 * CHUNK, ContentRange(0, CHUNK - 1, None)) == CHUNK
    assert bytes_to_skip(CHUNK, ContentRange(0, 2 * CHUNK - 1, None)) == CHUNK
    assert bytes_to_skip(CHUNK, ContentRange(CHUNK, 2 * CHUNK - 1, None)) == 0


def test_the_range_is_told_once_there_is_something() -> None:
    assert range_header(0) == {}
    assert range_header(CHUNK) == {"range": "bytes=0-262143"}


@settings(deadline=None)
@given(st.integers(0, 10**12))
def test_what_is_kept_of_a_broken_request_is_whole_chunks(received: int) -> None:
    assert received - CHUNK < whole_chunks(received) <= received
    assert whole_chunks(received) % CHUNK == 0


@settings(deadline=None)
@given(
    st.binary(min_size=1, max_size=40), st.lists(st.tuples(st.integers(0, 39), st.integers(1, 9)))
)
def test_chunks_in_any_order_only_ever_build_the_file(
    data: bytes, chunks: list[tuple[int, int]]
) -> None:
    kept = b""
    for first, length in chunks:
        piece = data[first : first + length]
        if piece:
            asked = ContentRange(first, first + len(piece) - 1, len(data))
            skip = bytes_to_skip(len(kept), asked)
            kept += b"" if skip is None else piece[skip:]
        assert data.startswith(kept)
