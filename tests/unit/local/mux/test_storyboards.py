from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.mux.playback.storyboards import Storyboard
from local.mux.playback.streams import Stream


def board(
    duration: float, size: tuple[int, int] = (1280, 720), period: float | None = None
) -> Storyboard:
    stream = Stream("id", Path(), "", duration, size, period)
    return Storyboard(stream, (0.0, duration))


def test_a_storyboard_of_three_seconds_is_described_as_mux_does() -> None:
    three = board(3)
    assert three.json("u") == {
        "url": "u",
        "tile_width": 284,
        "tile_height": 160,
        "duration": 3,
        "tiles": [
            {"start": 0, "x": 0, "y": 0},
            {"start": 1, "x": 284, "y": 0},
            {"start": 2, "x": 568, "y": 0},
        ],
    }
    assert three.vtt("u").splitlines() == [
        *("WEBVTT", "", "00:00:00.000 --> 00:00:01.000", "u#xywh=0,0,284,160"),
        *("", "00:00:01.000 --> 00:00:02.000", "u#xywh=284,0,284,160"),
        *("", "00:00:02.000 --> 00:00:03.000", "u#xywh=568,0,284,160"),
    ]


@pytest.mark.parametrize(
    ("seconds", "tiles"), [(0.04, 1), (1.9, 1), (12, 12), (180, 50), (899, 50), (900, 100)]
)
def test_long_videos_have_fifty_tiles_and_very_long_ones_a_hundred(
    seconds: float, tiles: int
) -> None:
    assert len(board(seconds).tiles()) == board(seconds).source_tiles == tiles


@pytest.mark.parametrize(
    ("size", "width"), [((720, 1280), 90), ((1000, 1000), 160), ((2, 4000), 2), ((1600, 1000), 256)]
)
def test_tiles_have_the_shape_of_the_video(size: tuple[int, int], width: int) -> None:
    assert board(9, size).tile_size == (width, 160)


@given(st.floats(0.1, 5000), st.sampled_from([None, 8.0]))
def test_every_tile_lies_within_the_picture_and_the_times_grow(
    duration: float, period: float | None
) -> None:
    shown = board(duration, period=period)
    tiles = shown.tiles()
    starts = [tile["start"] for tile in tiles]
    assert starts == sorted(starts)
    assert starts[0] == 0
    assert starts[-1] < duration
    width, height = shown.tile_size
    places = {(tile["y"] // height) * 5 + tile["x"] // width for tile in tiles}
    assert places <= set(range(shown.source_tiles))
