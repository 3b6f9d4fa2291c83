"""Small files of many kinds, made on the spot, and what is to become of each of them.

The kinds are containers, codecs, rotations, frame rates, lengths, tracks and damages, as phones,
browsers, editors and broken connections make them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.media import run_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "32k")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1")
AV1 = ("-c:v", "libsvtav1", "-preset", "13", "-svtav1-params", "lp=1")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k")


def picture(
    size: str = "64x36", rate: float = 10, seconds: float = 1, more: str = ""
) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}{more}")


def sound(seconds: float = 1, rate: int = 44100) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={rate}:duration={seconds}")


@dataclass(frozen=True)
class Case:
    """A file and what is to become of it.

    Attributes:
        name: The name of the file.
        arguments: The arguments of ffmpeg that make it.
        seconds: The duration that the asset has. None where the asset fails.
        ratio: The aspect ratio that the asset has. None without a picture.
        tracks: The types of the asset's tracks.
        reason: The reason for which the post fails. None where it is published.
        rate: The frame rate that the asset has. None where it does not matter.
        rate_within: How far the frame rate may be off.
        within: How far the duration may be off, in seconds.
        damage: What happens to the bytes of the file.
        detail: What the creator is told about the published post. None where nothing is odd.
    """

    name: str
    arguments: tuple[str, ...] = ()
    seconds: float | None = 1
    ratio: str | None = "16:9"
    tracks: str = "video audio"
    reason: str | None = None
    rate: float | None = None
    rate_within: float = 0.01
    within: float = 0.15
    damage: Callable[[bytes], bytes] | None = None
    detail: str | None = None


def make(case: Case, folder: Path) -> Path:
    """Make the file of a case, and return its path."""
    path = folder / case.name
    if case.arguments:
        prepared = [part.replace("FOLDER", str(folder)) for part in case.arguments]
        run_ffmpeg(*prepared, path)
    data = path.read_bytes() if path.exists() else b""
    if case.damage:
        path.write_bytes(case.damage(data))
    return path


def _first_part(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)]


def _with_noise(data: bytes) -> bytes:
    middle = len(data) // 2
    noise = random.Random(5).randbytes(400)  # noqa: S311 - no secret
    return data[:middle] + noise + data[middle + len(noise) :]


def _with_a_clock_for_a_rate(data: bytes) -> bytes:
    """Say that a frame of a WebM file lasts a millisecond, as browsers' recordings look."""
    mark = b"\x23\xe3\x83\x84"
    place = data.index(mark) + len(mark)
    return data[:place] + (1_000_000).to_bytes(4, "big") + data[place + 4 :]


def _without_a_rate(data: bytes) -> bytes:
    """Leave out of a WebM file how long a frame lasts."""
    place = data.index(b"\x23\xe3\x83\x84")
    return data[:place] + b"\xec\x86" + bytes(6) + data[place + 8 :]


def _silent(name: str, *arguments: str, **expected: object) -> Case:
    return Case(name, arguments, tracks="video", **expected)  # type: ignore[arg-type] # its fields


def _heard(name: str, *arguments: str, **expected: object) -> Case:
    fields = {"ratio": None, "tracks": "audio", "reason": "audio_only"} | expected
    return Case(name, arguments, **fields)  # type: ignore[arg-type] # its fields


def _refused(name: str, *arguments: str, damage: Callable[[bytes], bytes]) -> Case:
    return Case(
        name, arguments, seconds=None, ratio=None, tracks="", reason="not_a_video", damage=damage
    )


CODECS = (
    Case("h264-aac.mp4", (*picture(), *sound(), *X264, *AAC)),
    Case("hevc-aac.mp4", (*picture(), *sound(), *X265, *AAC, "-tag:v", "hvc1")),
    Case("av1-aac.mp4", (*picture(), *sound(), *AV1, *AAC)),
    Case("mpeg4-mp3.mp4", (*picture(), *sound(), "-c:v", "mpeg4", "-c:a", "libmp3lame")),
    Case("h264-aac.m4v", (*picture(), *sound(), *X264, *AAC, "-f", "mp4")),
    Case("h264-pcm.mov", (*picture(), *sound(), *X264, "-c:a", "pcm_s16le")),
    Case("hevc-alac.mov", (*picture(), *sound(), *X265, "-c:a", "alac")),
    Case("prores-pcm.mov", (*picture(), *sound(), "-c:v", "prores", "-c:a", "pcm_s24be")),
    Case("mjpeg-pcm.mov", (*picture(), *sound(), "-c:v", "mjpeg", "-c:a", "pcm_s16le")),
    Case("h264-opus.mkv", (*picture(), *sound(1, 48000), *X264, "-c:a", "libopus")),
    Case("ffv1-flac.mkv", (*picture(), *sound(), "-c:v", "ffv1", "-c:a", "flac")),
    Case("vp8-vorbis.webm", (*picture(), *sound(), *VP8, "-c:a", "libvorbis")),
    Case("vp9-opus.webm", (*picture(), *sound(1, 48000), *VP9, "-c:a", "libopus")),
    Case("av1-opus.webm", (*picture(), *sound(1, 48000), *AV1, "-c:a", "libopus")),
    Case("mpeg4-mp3.avi", (*picture(), *sound(), "-c:v", "mpeg4", "-c:a", "libmp3lame")),
    Case("mjpeg-pcm.avi", (*picture(), *sound(), "-c:v", "mjpeg", "-c:a", "pcm_s16le")),
    Case("h264-aac.flv", (*picture(), *sound(), *X264, *AAC)),
    Case("flv1-mp3.flv", (*picture(), *sound(), "-c:v", "flv", "-c:a", "libmp3lame")),
    Case("h264-aac.ts", (*picture(), *sound(), *X264, *AAC)),
    Case(
        "mpeg2-ac3.ts",
        (*picture("64x48", 25), *sound(), "-c:v", "mpeg2video", "-c:a", "ac3"),
        ratio="4:3",
    ),
    Case(
        "mpeg2-mp2.mpg",
        (*picture("64x48", 25), *sound(), "-c:v", "mpeg2video", "-c:a", "mp2"),
        ratio="4:3",
    ),
    Case(
        "h263-amr.3gp",
        (*picture("128x96"), *sound(1, 8000), "-c:v", "h263", "-c:a", "libopencore_amrnb"),
        ratio="16:11",
        within=0.2,
    ),
    Case("wmv2-wma2.wmv", (*picture(), *sound(), "-c:v", "wmv2", "-c:a", "wmav2")),
    Case("theora-vorbis.ogv", (*picture(), *sound(), "-c:v", "libtheora", "-c:a", "libvorbis")),
    _silent("animation.gif", *picture()),
    _silent("bare.h264", *picture(rate=25), *X264),
    _silent("qtrle.mov", *picture(), "-c:v", "qtrle"),
)

_HDR = (
    *("-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084"),
    *("-colorspace", "bt2020nc"),
)
SHAPES = (
    Case("portrait.mp4", (*picture("36x64"), *sound(), *X264, *AAC), ratio="9:16"),
    Case("square.mp4", (*picture("48x48"), *sound(), *X264, *AAC), ratio="1:1"),
    Case("four-fifths.mp4", (*picture("64x80"), *sound(), *X264, *AAC), ratio="4:5"),
    _silent("odd-sides.mkv", *picture("65x37"), "-c:v", "ffv1", ratio="65:37"),
    _silent("tiny.mkv", *picture("2x2"), "-c:v", "ffv1", ratio="1:1"),
    _silent("four-k.mp4", *picture("2160x3840", 2, 0.5), *X264, seconds=0.5, ratio="9:16"),
    _silent("hdr.mp4", *picture(), *X265, *_HDR),
    _silent("ten-bit-444.mkv", *picture(), "-c:v", "ffv1", "-pix_fmt", "yuv444p10le"),
    _silent("anamorphic.mp4", *picture("48x36", more=",setsar=4/3"), *X264),
    _silent("interlaced.ts", *picture("64x36", 25), *X264, "-flags", "+ilme+ildct"),
    _silent(
        "turned-90.mp4",
        *("-display_rotation", "90", "-i", "FOLDER/h264-aac.mp4"),
        *("-an", "-c", "copy"),
        ratio="9:16",
    ),
    _silent(
        "turned-180.mp4",
        *("-display_rotation", "180", "-i", "FOLDER/h264-aac.mp4"),
        *("-an", "-c", "copy"),
    ),
    _silent(
        "turned-270.mov",
        *("-display_rotation", "270", "-i", "FOLDER/h264-aac.mp4"),
        *("-an", "-c", "copy"),
        ratio="9:16",
    ),
    _silent(
        "anamorphic-turned.mp4",
        *("-display_rotation", "90", "-i", "FOLDER/anamorphic.mp4"),
        *("-c", "copy"),
        ratio="9:16",
    ),
)

# The filter would round times to whole frames if its clock did not count milliseconds.
_UNEVEN = ",settb=1/1000,setpts='50*N+20*mod(N,3)'"
# ffmpeg takes frames at such times for frames of a much higher rate: 1,000 and 333 a second.
_UNSTEADY = ",settb=1/1000,setpts='50*N+mod(7*N*N,23)'"
_SHAKY = ",settb=1/1000,setpts='50*N+mod(N,3)'"


def _recorded(times: str) -> tuple[str, ...]:
    return (
        *(*picture(rate=20, more=times), *sound(1, 48000), *VP8, "-c:a", "libopus"),
        *("-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-live", "1"),
    )


RATES_AND_LENGTHS = (
    _silent("one-a-second.mp4", *picture(rate=1, seconds=3), *X264, seconds=3, rate=1),
    _silent("ntsc.mp4", *picture(rate=30000 / 1001), *X264, rate=29.97),
    _silent("sixty.mp4", *picture(rate=60), *X264, rate=60),
    _silent("slow-motion.mp4", *picture(rate=120), *X264, rate=60),
    _silent("uneven.mp4", *picture(rate=20, more=_UNEVEN), *X264, "-fps_mode", "vfr"),
    # Recordings of a browser: a clock in milliseconds, uneven frames, and no length.
    Case(
        "browser.webm",
        _recorded(_UNSTEADY),
        damage=_with_a_clock_for_a_rate,
        rate=20,
        rate_within=1,
        within=0.2,
    ),
    Case(
        "browser-without-rate.webm",
        _recorded(_SHAKY),
        damage=_without_a_rate,
        rate=20,
        rate_within=1,
        within=0.2,
    ),
    _silent("third-of-a-second.mp4", *picture(seconds=0.3), *X264, seconds=0.3),
    _silent("one-frame.mp4", *picture(rate=25, seconds=0.04), *X264, seconds=0.04),
    _silent("at-the-limit.mp4", *picture("32x18", 1, 180), *X264, seconds=180),
    _silent("too-long.mp4", *picture("32x18", 1, 200), *X264, seconds=200),
)

TRACKS = (
    _silent("no-sound.mp4", *picture(), *X264),
    Case("longer-sound.mp4", (*picture(), *sound(4), *X264, *AAC), seconds=4),
    Case("longer-picture.mp4", (*picture(seconds=4), *sound(), *X264, *AAC), seconds=4),
    Case(
        "one-frame-with-a-song.mp4",
        (*picture("32x18", 25, 0.04), *sound(200, 8000), *X264, *AAC),
        seconds=200,
        within=0.3,
    ),
    Case("late-sound.mkv", (*picture(), "-itsoffset", "0.3", *sound(0.7), *X264, *AAC)),
    Case("telephone-sound.mp4", (*picture(), *sound(1, 8000), *X264, *AAC), within=0.2),
    Case("surround.mp4", (*picture(), *sound(), *X264, *AAC, "-ac", "6")),
    Case(
        "two-pictures.mkv",
        (
            *(*picture("48x48"), *sound(), *picture("128x72"), *X264, *AAC),
            *("-map", "0", "-map", "1", "-map", "2"),
        ),
    ),
    Case(
        "two-sounds.mkv",
        (*picture(), *sound(), *sound(), *X264, *AAC, "-map", "0", "-map", "1", "-map", "2"),
    ),
    Case("timecode.mov", (*picture(rate=25), *sound(), *X264, *AAC, "-timecode", "00:00:00:00")),
    _heard("song.mp3", *sound()),
    _heard("song.m4a", *sound(), *AAC),
    _heard("song.wav", *sound()),
    _heard("song.flac", *sound()),
    _heard("song.ogg", *sound(1, 48000), "-c:a", "libopus"),
    _heard("song.webm", *sound(1, 48000), "-c:a", "libopus"),
    _heard(
        "song-with-cover.mp3",
        *sound(),
        *("-f", "lavfi", "-i", "color=red:s=32x32:d=0.04:r=25", "-map", "0", "-map", "1"),
        *("-c:v", "png", "-disposition:v", "attached_pic"),
    ),
)

_UNREADABLE = "The file may hold parts that could not be read as video or sound."
_PLAYLIST = b"#EXTM3U\n#EXTINF:4,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
DAMAGES = (
    _refused("empty.mp4", damage=lambda _: b""),
    _refused("text.mp4", damage=lambda _: b"Here is my video.\n" * 100),
    _refused("noise.mp4", damage=lambda _: random.Random(7).randbytes(65_536)),  # noqa: S311
    _refused("playlist.mp4", damage=lambda _: _PLAYLIST),
    _refused("picture.png", *picture(), "-frames:v", "1", damage=lambda data: data),
    _refused("cut-before-its-index.mp4", *picture(seconds=4), *X264, damage=_first_part(0.7)),
    _silent(
        "cut-behind-its-index.mp4",
        *(*picture(seconds=8), *X264, "-movflags", "+faststart"),
        seconds=4,
        within=2,
        damage=_first_part(0.6),
        detail=_UNREADABLE,
    ),
    _silent(
        "cut.mkv",
        *(*picture(seconds=8), *X264),
        seconds=4,
        within=2,
        damage=_first_part(0.6),
        detail=_UNREADABLE,
    ),
    # A transport stream has no length and may end anywhere, so that nothing shows.
    _silent("cut.ts", *picture(seconds=8), *X264, seconds=4, within=2, damage=_first_part(0.6)),
    _silent(
        "noise-inside.mp4",
        *(*picture(seconds=4), *X264),
        seconds=4,
        within=1,
        damage=_with_noise,
        detail=_UNREADABLE,
    ),
)

CASES = CODECS + SHAPES + RATES_AND_LENGTHS + TRACKS + DAMAGES
