import re

from hypothesis import given
from hypothesis import strategies as st

from local.mux.media.playlists import cut_playlist, with_query

HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
END = "#EXT-X-ENDLIST\n"


def playlist(*seconds: float) -> str:
    lines = [f"#EXTINF:{length:.6f},\n{n:05d}.ts\n" for n, length in enumerate(seconds)]
    return f"{HEAD}{''.join(lines)}{END}"


def segments(text: str) -> list[int]:
    return [int(name) for name in re.findall(r"^(\d{5})\.ts", text, re.MULTILINE)]


def test_a_part_has_the_segments_that_it_touches() -> None:
    whole = playlist(4, 4, 4, 4, 2)
    assert segments(cut_playlist(whole, 6, 13)) == [1, 2, 3]
    assert segments(cut_playlist(whole, 4, 8)) == [1]
    assert segments(cut_playlist(whole, 17, 18)) == [4]
    assert cut_playlist(whole, 0, 18) == whole


def test_a_discontinuity_stays_with_the_segment_behind_it() -> None:
    whole = f"{HEAD}#EXTINF:1,\n00000.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:1,\n00001.ts\n{END}"
    assert cut_playlist(whole, 0, 1) == f"{HEAD}#EXTINF:1,\n00000.ts\n{END}"


def test_each_segment_carries_the_query() -> None:
    text = with_query(playlist(4, 2), "token=a")
    assert [line for line in text.splitlines() if ".ts" in line] == [
        "00000.ts?token=a",
        "00001.ts?token=a",
    ]


@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=20), st.floats(0, 100), st.floats(0.1, 100))
def test_a_part_is_one_run_of_segments_that_covers_it(
    lengths: list[float], start: float, length: float
) -> None:
    total = sum(lengths)
    kept = segments(cut_playlist(playlist(*lengths), start, start + length))
    assert kept == list(range(kept[0], kept[-1] + 1)) if kept else start > total - 0.001
    if kept:
        assert sum(lengths[: kept[0]]) <= start + 0.001
        assert sum(lengths[: kept[-1] + 1]) >= min(start + length, total) - 0.001
