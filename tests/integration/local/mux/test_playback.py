import re
from pathlib import Path

import mux_python
import pytest

from tests.integration.local.mux.running import TIMEOUT, Running
from tests.media import media_seconds

PAGE = {"origin": "https://app.test"}


def test_a_stream_plays_in_a_browser_of_any_origin(mux: Running, videos: dict[str, Path]) -> None:
    key = mux.upload(videos["short"]).playback_ids[0].id
    master = mux.http.get(f"/{key}.m3u8", headers=PAGE)
    assert master.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert f"{key}/rendition.m3u8" in master.text
    rendition = mux.http.get(f"/{key}/rendition.m3u8", headers=PAGE)
    segment = mux.http.get(f"/{key}/00000.ts", headers=PAGE)
    assert "00000.ts" in rendition.text
    assert segment.headers["content-type"] == "video/mp2t"
    for answer in (master, rendition, segment):
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
    assert media_seconds(f"{mux.url}/{key}.m3u8") == pytest.approx(4, abs=0.2)


def test_pictures_are_made_on_demand(mux: Running, videos: dict[str, Path]) -> None:
    key = mux.upload(videos["short"]).playback_ids[0].id
    for name, kind in [
        ("thumbnail.webp?time=1&width=64", "image/webp"),
        ("thumbnail.jpg?time=900", "image/jpeg"),
        ("thumbnail.png", "image/png"),
        ("animated.webp?start=1&end=2&width=64&fps=5", "image/webp"),
    ]:
        answer = mux.http.get(f"/{key}/{name}", headers=PAGE)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert mux.http.get(f"/{key}/{name}").content == answer.content


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("thumbnail.webp?time=-1", 400),
        ("thumbnail.webp?time=nan", 400),
        ("thumbnail.webp?time=x", 400),
        ("thumbnail.webp?width=1000000", 400),
        ("thumbnail.exe", 404),
        ("animated.webp?start=0&end=0", 400),
        ("00099.ts", 404),
        ("storyboard.exe", 404),
        ("storyboard.json?format=gif", 400),
        ("master.m3u8", 404),
        ("..%2f..%2fbooks.sqlite", 404),
    ],
)
def test_what_cannot_be_shown_is_refused(
    mux: Running, videos: dict[str, Path], name: str, status: int
) -> None:
    key = mux.upload(videos["short"]).playback_ids[0].id
    assert mux.http.get(f"/{key}/{name}").status_code == status


def test_an_instant_clip_has_the_segments_that_it_touches(
    mux: Running, videos: dict[str, Path]
) -> None:
    key = mux.upload(videos["long"]).playback_ids[0].id
    query = "asset_start_time=6&asset_end_time=13"
    master = mux.http.get(f"/{key}.m3u8?{query}").text
    assert f"{key}/rendition.m3u8?{query}" in master
    rendition = mux.http.get(f"/{key}/rendition.m3u8?{query}").text
    # Segments last 4 s.
    assert [line for line in rendition.splitlines() if line.endswith(".ts")] == [
        *("00001.ts", "00002.ts", "00003.ts")
    ]
    assert media_seconds(f"{mux.url}/{key}.m3u8?{query}") == pytest.approx(12, abs=1)
    for wrong in ("asset_start_time=9&asset_end_time=9", "asset_start_time=900"):
        assert mux.http.get(f"/{key}.m3u8?{wrong}").status_code == 400


def test_a_storyboard_has_a_tile_a_second_and_at_most_fifty(
    mux: Running, videos: dict[str, Path]
) -> None:
    short, long = (mux.upload(videos[name]).playback_ids[0].id for name in ("short", "long"))
    board = mux.http.get(f"/{short}/storyboard.json").json()
    assert [tile["start"] for tile in board["tiles"]] == pytest.approx([0, 1, 2, 3], abs=0.1)
    assert [(tile["x"], tile["y"]) for tile in board["tiles"]] == [(284 * n, 0) for n in range(4)]
    assert mux.http.get(board["url"]).headers["content-type"] == "image/jpeg"
    vtt = mux.http.get(f"/{long}/storyboard.vtt", headers=PAGE)
    assert vtt.headers["access-control-allow-origin"] == "*"
    cues = vtt.text.split("\n\n")[1:]
    assert len(cues) == 50
    assert re.match(r"00:00:0[34]\.\d{3} --> 00:00:0[78]\.\d{3}\n", cues[1])
    assert cues[-1].strip().endswith("#xywh=1136,1440,284,160")
    part = mux.http.get(f"/{long}/storyboard.json?asset_start_time=20&asset_end_time=30").json()
    assert (part["duration"], len(part["tiles"])) == (10, 10)


def test_only_ready_assets_with_public_ids_are_shown(mux: Running, videos: dict[str, Path]) -> None:
    broken = mux.upload(videos["broken"]).playback_ids[0].id
    assert mux.http.get(f"/{broken}.m3u8").status_code == 412
    assert mux.http.get("/unknown.m3u8").status_code == 404
    asset = mux.upload(videos["short"])
    public = asset.playback_ids[0].id
    assert mux.http.get(f"/{public}.m3u8?token=abc").status_code == 403
    policy = mux_python.CreatePlaybackIDRequest(policy="signed")
    signed = mux.assets.create_asset_playback_id(asset.id, policy, _request_timeout=TIMEOUT).data
    assert mux.http.get(f"/{signed.id}.m3u8").status_code == 403
    mux.assets.delete_asset(asset.id, _request_timeout=TIMEOUT)
    assert mux.http.get(f"/{public}.m3u8").status_code == 404


def test_a_sound_has_no_thumbnail(mux: Running, videos: dict[str, Path]) -> None:
    key = mux.upload(videos["audio"]).playback_ids[0].id
    for name in ("thumbnail.webp", "storyboard.jpg", "storyboard.vtt"):
        assert mux.http.get(f"/{key}/{name}").status_code == 404
