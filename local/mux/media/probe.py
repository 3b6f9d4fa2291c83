"""Reads what a media file holds from what ffmpeg prints about it (there is no ffprobe here)."""

import math
import re
from pathlib import Path

from local.mux.errors import MediaError
from local.mux.media.ffmpeg import run_ffmpeg
from local.mux.records import Media

# Containers that people upload. Playlists are not among them: they would make ffmpeg open
# whatever address the uploader wrote into them.
CONTAINERS = "mov,matroska,avi,flv,mpegts,mpeg,asf,mp3,wav,aac,ogg,flac,m4v,h264,hevc"
INPUT_LIMITS = ("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS)

_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")
_VIDEO = re.compile(r"^\s*Stream #\S+ Video: .*?, (\d{2,5})x(\d{2,5})(.*)$", re.MULTILINE)
_FRAME_RATE = re.compile(r"([\d.]+k?) fps")
_DISPLAY_RATIO = re.compile(r"DAR (\d+):(\d+)")
_ROTATION = re.compile(r"rotation of (-?[\d.]+) degrees")
_AUDIO = re.compile(r"^\s*Stream #\S+ Audio: [^\n]*? Hz, ([^,\n]+)", re.MULTILINE)
_LAYOUTS = {"mono": 1, "stereo": 2, "2.1": 3, "quad": 4, "4.0": 4, "5.0": 5, "5.1": 6, "7.1": 8}


async def probe(path: Path) -> Media:
    """Return what a file's headers say it holds; `duration` is 0 where they don't say.

    Raises:
        MediaError: It is no video or audio file.
    """
    # Without an output ffmpeg prints what the input holds and ends with an error.
    _, text = await run_ffmpeg(*INPUT_LIMITS, "-i", path)
    media = parse(text)
    if "misdetection possible" in text or (media.width is None and media.channels is None):
        raise MediaError("The input is not a video or audio file that can be read")
    return media


def parse(text: str) -> Media:
    """Return what ffmpeg's description of an input says.

    A cover picture is no video track. A video turned by 90° is described as it is displayed.
    """
    description = text.partition("\nOutput #")[0]
    media = Media(duration=_duration(description))
    videos = [m for m in _VIDEO.finditer(description) if "(attached pic)" not in m[3]]
    if videos:
        width, height, rest = int(videos[0][1]), int(videos[0][2]), videos[0][3]
        ratio = _DISPLAY_RATIO.search(rest)
        across, down = (int(ratio[1]), int(ratio[2])) if ratio else (width, height)
        rotation = _ROTATION.search(description)
        if rotation and round(float(rotation[1])) % 180:
            width, height, across, down = height, width, down, across
        divisor = math.gcd(across, down) or 1
        media.width, media.height = width, height
        media.aspect_ratio = f"{across // divisor}:{down // divisor}"
        rate = _FRAME_RATE.search(rest)
        media.frame_rate = float(rate[1].replace("k", "e3")) if rate else -1.0
    audio = _AUDIO.search(description)
    if audio:
        media.channels = _channels(audio[1].strip())
    return media


def _duration(text: str) -> float:
    found = _DURATION.search(text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0


def _channels(layout: str) -> int:
    counted = re.match(r"(\d+) channels", layout)
    return int(counted[1]) if counted else _LAYOUTS.get(layout.partition("(")[0], 2)
