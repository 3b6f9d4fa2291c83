import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.mux.fault_rules import seeded
from local.mux.media.samples import CLIP_SECONDS, CLIPS, parse_sample_id, sample_id

RATIOS = sorted({clip.aspect_ratio for clip in CLIPS})


def test_a_playback_id_says_which_clip_is_played_and_for_how_long() -> None:
    sample = parse_sample_id("samplee0081" + "x" * 29)
    assert sample is not None
    assert (sample.clip.aspect_ratio, sample.seconds) == ("16:9", 81)


def test_a_playlist_repeats_the_clip_up_to_the_length_of_the_sample() -> None:
    sample = parse_sample_id("samplea0010" + "x" * 29)
    assert sample is not None
    lines = sample.playlist().splitlines()
    assert [line for line in lines if line.endswith(".ts")] == [
        *(f"0000{second}.ts" for second in range(8)),
        *("00000.ts", "00001.ts"),
    ]
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert lines[lines.index("#EXT-X-DISCONTINUITY") + 2] == "00000.ts"
    assert lines[-1] == "#EXT-X-ENDLIST"


@given(st.sampled_from(RATIOS), st.integers(1, 9999), st.integers())
def test_every_id_that_is_drawn_can_be_read(ratio: str, seconds: int, seed: int) -> None:
    playback_id = sample_id(ratio, seconds, seeded(seed))
    sample = parse_sample_id(playback_id)
    assert sample is not None
    assert (sample.clip.aspect_ratio, sample.seconds) == (ratio, seconds)
    assert (len(playback_id), playback_id.isalnum()) == (40, True)
    assert sample.playlist().count("#EXTINF") == seconds
    assert sample.playlist().count("DISCONTINUITY") == (seconds - 1) // CLIP_SECONDS


@pytest.mark.parametrize(
    "playback_id",
    [
        *("", "sample", "a" * 43, "samplea0000" + "x" * 29, "samplez0010" + "x" * 29),
        *("samplea0010" + "x" * 28, "samplea0010" + "x" * 30, "samplea0010" + "x" * 28 + "/"),
    ],
)
def test_other_ids_are_no_samples(playback_id: str) -> None:
    assert parse_sample_id(playback_id) is None


@pytest.mark.parametrize(("ratio", "seconds"), [("21:9", 10), ("9:16", 0), ("9:16", 10_000)])
def test_a_sample_that_no_clip_can_play_is_refused(ratio: str, seconds: int) -> None:
    with pytest.raises(ValueError, match="There is no sample"):
        sample_id(ratio, seconds, seeded(1))
