import pytest

from local.mux.media.probe import Contents, parse
from local.mux.records import Media

PHONE = """\
Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'source':
  Metadata:
    major_brand     : qt
  Duration: 00:03:20.05, start: 0.000000, bitrate: 9000 kb/s
  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), \
1920x1080 [SAR 1:1 DAR 16:9], 8800 kb/s, 29.97 fps, 29.97 tbr, 600 tbn (default)
      Side data:
        displaymatrix: rotation of -90.00 degrees
  Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, 5.1(side), fltp, 96 kb/s
"""
SONG = """\
Input #0, mp3, from 'source':
  Duration: 01:00:03.10, start: 0.025057, bitrate: 128 kb/s
  Stream #0:0: Audio: mp3 (mp3float), 44100 Hz, mono, fltp, 128 kb/s
  Stream #0:1: Video: png, rgb24(pc), 500x500, 90k tbr, 90k tbn (attached pic)
"""


def test_a_video_held_upright_is_described_as_it_is_displayed() -> None:
    contents = parse(PHONE)
    assert (contents.video, contents.audio) == (0, 1)
    assert contents.media == Media(
        duration=200.05,
        width=1080,
        height=1920,
        frame_rate=29.97,
        aspect_ratio="9:16",
        channels=6,
        container="mov,mp4,m4a,3gp,3g2,mj2",
        video_codec="h264",
        audio_codec="aac",
        sample_rate=44100,
    )


def test_a_cover_picture_is_no_video_track() -> None:
    assert parse(SONG).media == Media(
        duration=3603.1, channels=1, container="mp3", audio_codec="mp3", sample_rate=44100
    )


def test_a_frame_rate_that_is_not_told_is_minus_one() -> None:
    media = parse("  Stream #0:0: Video: vp8, yuv420p, 64x36, 1k tbr, 1k tbn\n").media
    assert (media.width, media.frame_rate, media.duration) == (64, -1, 0)


@pytest.mark.parametrize("text", ["", "source: Invalid data found when processing input\n"])
def test_nothing_is_found_where_nothing_is(text: str) -> None:
    assert parse(text) == Contents(Media(duration=0), video=None, audio=None)


def test_the_largest_of_several_video_tracks_is_taken_with_its_own_rotation() -> None:
    contents = parse(
        "  Stream #0:0: Video: h264, yuv420p, 320x180, 25 fps, 25 tbr\n"
        "  Stream #0:1: Audio: aac, 48000 Hz, stereo, fltp\n"
        "  Stream #0:2: Video: hevc, yuv420p, 1280x720 [SAR 1:1 DAR 16:9], 50 fps, 50 tbr\n"
        "      Side data:\n"
        "        displaymatrix: rotation of 90.00 degrees\n"
        "  Stream #0:3: Audio: opus, 48000 Hz, 5.1, fltp\n"
    )
    assert (contents.video, contents.audio) == (2, 1)
    media = contents.media
    assert (media.width, media.height, media.aspect_ratio) == (720, 1280, "9:16")
    assert (media.video_codec, media.frame_rate) == ("hevc", 50)
    assert (media.audio_codec, media.channels, media.sample_rate) == ("aac", 2, 48000)


@pytest.mark.parametrize(
    ("about", "size", "ratio"),
    [
        ("720x576 [SAR 16:11 DAR 20:11], 25 fps", (1047, 576), "20:11"),
        ("720x576 [SAR 64:45 DAR 16:9], 25 fps", (1024, 576), "16:9"),
        ("1440x1080 [SAR 4:3 DAR 16:9], 25 fps", (1920, 1080), "16:9"),
        ("640x360, 25 fps", (640, 360), "16:9"),
    ],
)
def test_pixels_that_are_not_square_are_described_as_displayed(
    about: str, size: tuple[int, int], ratio: str
) -> None:
    media = parse(f"  Stream #0:0: Video: h264, yuv420p, {about}, 25 tbr\n").media
    assert (media.width, media.height) == size
    assert media.aspect_ratio == ratio
