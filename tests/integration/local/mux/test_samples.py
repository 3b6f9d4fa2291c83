import asyncio
from pathlib import Path

import pytest

from local.mux.fault_rules import seeded
from local.mux.media.encode import RENDITION, limits
from local.mux.media.samples import CLIP_SECONDS, CLIPS, Clip, SampleClips, sample_id
from local.mux.media.tracks import Track, measure_tracks
from tests.integration.local.mux.running import Running
from tests.media import media_seconds

PAGE = {"origin": "https://app.test"}


def test_a_sample_plays_as_long_as_its_post_says_and_has_sound(mux: Running) -> None:
    key = sample_id("9:16", 20, seeded(1))
    master = mux.http.get(f"/{key}.m3u8", headers=PAGE)
    assert master.headers["access-control-allow-origin"] == "*"
    assert "RESOLUTION=270x480" in master.text
    assert "mp4a.40.2" in master.text
    rendition = mux.http.get(f"/{key}/rendition.m3u8").text
    assert rendition.count("#EXTINF:1.000000") == 20
    segment = mux.http.get(f"/{key}/00007.ts")
    assert (segment.status_code, segment.headers["content-type"]) == (200, "video/mp2t")
    # A player without discontinuities plays the clip itself.
    assert media_seconds(f"{mux.url}/{sample_id('9:16', 8, seeded(1))}.m3u8") == pytest.approx(
        8, abs=0.2
    )


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.letter)
def test_picture_and_sound_of_a_clip_are_as_long_as_each_other(tmp_path: Path, clip: Clip) -> None:
    async def measured() -> list[Track]:
        playlist = await SampleClips(tmp_path).folder(clip) / RENDITION
        return await measure_tracks(playlist, tmp_path / "packets.txt", limits(playlist))

    for track in asyncio.run(measured()):
        assert track.start == 0
        assert track.end == pytest.approx(CLIP_SECONDS, abs=0.001)


def test_every_clip_is_made_once_on_demand(mux: Running) -> None:
    clips = mux.control("samples", method="GET")
    assert clips == [clip.letter for clip in CLIPS]
    for letter in clips:
        assert mux.control(f"samples/{letter}") is None
    assert mux.http.post("/control/samples/z").status_code == 404
    first = mux.http.get(f"/{sample_id('1:1', 3, seeded(1))}/00000.ts").content
    mux.control("reset")
    assert mux.http.get(f"/{sample_id('1:1', 9, seeded(2))}/00000.ts").content == first


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("thumbnail.webp", "image/webp"),
        ("thumbnail.jpg?time=19.5&width=90", "image/jpeg"),
        ("animated.webp?start=17&end=20&width=64&fps=5", "image/webp"),
        ("storyboard.jpg", "image/jpeg"),
        ("storyboard.webp", "image/webp"),
    ],
)
def test_a_sample_has_pictures(mux: Running, name: str, kind: str) -> None:
    answer = mux.http.get(f"/{sample_id('4:5', 20, seeded(1))}/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


def test_the_storyboard_of_a_sample_repeats_the_pictures_of_its_clip(mux: Running) -> None:
    key = sample_id("16:9", 20, seeded(1))
    board = mux.http.get(f"/{key}/storyboard.json").json()
    assert (board["duration"], board["tile_width"], board["tile_height"]) == (20, 284, 160)
    assert [tile["start"] for tile in board["tiles"]] == list(range(20))
    assert board["tiles"][9] | {"start": 1} == board["tiles"][1]
    assert mux.http.get(board["url"]).headers["content-type"] == "image/jpeg"
    vtt = mux.http.get(f"/{key}/storyboard.vtt")
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert vtt.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n")
    assert vtt.text.count(f"{mux.url}/{key}/storyboard.jpg#xywh=") == 20
