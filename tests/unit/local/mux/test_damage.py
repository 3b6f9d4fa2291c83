"""Which of ffmpeg's messages show that a file is damaged."""

import pytest

from local.mux.media.damage import shows_damage

BROKEN_NUMBER = (
    "[in#0/matroska,webm @ 0x5] Length 7 indicated by an EBML number's first byte 0x02 at pos 43"
    " (0x2b) exceeds max length 4."
)
BROKEN_ELEMENT = (
    "[in#0/matroska,webm @ 0x5] Element at 0x9 ending at 0x9 exceeds containing master element"
    " ending at 0x5"
)
# A recording of a broadcast begins between two key frames.
BEGUN_LATE = """[h264 @ 0x55d0] non-existing PPS 0 referenced
    Last message repeated 1 times
[h264 @ 0x55d0] no frame!
[vist#0:0/h264 @ 0x5] [dec:h264 @ 0x5] Decoding error: Invalid data found when processing input
"""
# Two recordings of a browser stand one behind the other.
TWO_IN_ONE = (
    "[in#0/matroska,webm @ 0x55d5] Found unknown-length element with ID 0x18538067 at pos. 0x16994"
    " for which no syntax for parsing is available."
)
DAMAGED = (
    "[in#0/mov,mp4,m4a,3gp,3g2,mj2 @ 0x563e] stream 0, offset 0x28ba: partial file\n[h264 @ 0x5] x",
    "[in#0/matroska,webm @ 0x5620] File ended prematurely",
    BROKEN_NUMBER,
    BROKEN_ELEMENT,
    "[h264 @ 0x563e] Invalid NAL unit size (185 > 43).",
    "[hevc @ 0x563e] Error splitting the input into NAL units.",
    "[h264 @ 0x563e] error while decoding MB 3 2",
    "[mpeg4 @ 0x563e] Error at MB: 12",
    "[libdav1d @ 0x563e] Failed to parse temporal unit.",
    "[gif @ 0x563e] LZW decode failed",
)
WHOLE = ("", BEGUN_LATE, TWO_IN_ONE)


@pytest.mark.parametrize("text", DAMAGED)
def test_damage_shows(text: str) -> None:
    assert shows_damage(text)


@pytest.mark.parametrize("text", WHOLE)
def test_what_whole_files_cause_is_no_damage(text: str) -> None:
    assert not shows_damage(text)
