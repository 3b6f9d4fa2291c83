"""Read what a media file holds from what ffmpeg prints about it. There is no ffprobe here."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from local.mux.errors import MediaError
from local.mux.media.ffmpeg import run_ffmpeg
from local.mux.records import Media

# The containers that people upload. Playlists are not among them, because ffmpeg would open
# whatever address the uploader wrote into them.
CONTAINERS = "mov,matroska,avi,flv,mpegts,mpeg,asf,mp3,wav,aac,ogg,flac,m4v,h264,hevc,gif"
INPUT_LIMITS = ("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS)

_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")
_STREAM = re.compile(r"^\s*Stream #\d+:(\d+)\S* (Video|Audio): (.*)$", re.MULTILINE)
_SIZE = re.compile(r", (\d{1,5})x(\d{1,5})(?=[, \n]|$)")
_FRAME_RATE = re.compile(r"([\d.]+)(k?) fps")
_DISPLAY_RATIO = re.compile(r"DAR (\d+):(\d+)")
_ROTATION = re.compile(r"rotation of (-?[\d.]+) degrees")
_CONTAINER = re.compile(r"^Input #0, (.+?), from ", re.MULTILINE)
_CODEC = re.compile(r"\w+")
_SAMPLE_RATE = re.compile(r"(\d+) Hz")
_LAYOUT = re.compile(r" Hz, ([^,\n]+)")
_LAYOUTS = {"mono": 1, "stereo": 2, "2.1": 3, "quad": 4, "4.0": 4, "5.0": 5, "5.1": 6, "7.1": 8}


@dataclass(frozen=True)
class Contents:
    """What a file holds, and the tracks that a stream is made of.

    Attributes:
        media: The file as Mux describes it.
        video: The number of the largest video track. None without one.
        audio: The number of the first audio track. None without one.
    """

    media: Media
    video: int | None
    audio: int | None


async def probe(path: Path) -> Contents:
    """Return what the headers of a file say. `duration` is 0 where they do not say it.

    Raises:
        MediaError: The file is no video or audio file.
    """
    # Without an output, ffmpeg describes the input and ends with an error.
    _, text = await run_ffmpeg(*INPUT_LIMITS, "-i", path)
    contents = parse(text)
    if "misdetection possible" in text or (contents.video is None and contents.audio is None):
        raise MediaError("The input is not a video or audio file that can be read")
    return contents


def parse(text: str) -> Contents:
    """Return what ffmpeg's description of an input says.

    A cover picture is no video track. A picture is described as it is displayed: turned by its
    rotation, and with square pixels.
    """
    description = text.partition("\nOutput #")[0]
    container = _CONTAINER.search(description)
    media = Media(duration=_duration(description), container=container[1] if container else "")
    found = list(_STREAM.finditer(description))
    begins = [stream.start() for stream in found]
    largest, video, audio = 0, None, None
    for stream, end in zip(found, [*begins[1:], len(description)], strict=False):
        number, kind, about = int(stream[1]), stream[2], stream[3]
        if kind == "Audio" and audio is None:
            audio = number
            _describe_sound(media, about)
        size = _SIZE.search(about)
        if kind == "Audio" or size is None or "(attached pic)" in about:
            continue
        pixels = int(size[1]) * int(size[2])
        if pixels > largest:
            largest, video = pixels, number
            media.video_codec = _codec(about)
            _describe_picture(media, size, description[stream.start() : end])
    return Contents(media, video, audio)


def _describe_sound(media: Media, about: str) -> None:
    layout, rate = _LAYOUT.search(about), _SAMPLE_RATE.search(about)
    media.channels = _channels(layout[1].strip() if layout else "")
    media.audio_codec = _codec(about)
    media.sample_rate = int(rate[1]) if rate else None


def _describe_picture(media: Media, size: re.Match[str], about: str) -> None:
    width, height = int(size[1]), int(size[2])
    ratio = _DISPLAY_RATIO.search(about)
    across, down = (int(ratio[1]), int(ratio[2])) if ratio else (width, height)
    if across and down:
        width = max(1, round(height * across / down))
    rotation = _ROTATION.search(about)
    if rotation and round(float(rotation[1])) % 180:
        width, height, across, down = height, width, down, across
    divisor = math.gcd(across, down) or 1
    media.width, media.height = width, height
    media.aspect_ratio = f"{across // divisor}:{down // divisor}"
    rate = _FRAME_RATE.search(about)
    media.frame_rate = float(rate[1]) * (1000 if rate[2] else 1) if rate else -1.0


def _codec(about: str) -> str:
    found = _CODEC.match(about)
    return found[0] if found else "unknown"


def _duration(text: str) -> float:
    found = _DURATION.search(text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0


def _channels(layout: str) -> int:
    counted = re.match(r"(\d+) channels", layout)
    return int(counted[1]) if counted else _LAYOUTS.get(layout.partition("(")[0], 2)
