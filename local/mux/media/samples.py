"""Sample streams: a handful of generated clips that the posts of a made-up catalogue share.

The playback id of a sample says which clip it plays and for how long. Samples therefore need no
record, however many posts there are, and their playback ids work on every stand-in.
"""

import asyncio
import random
import re
import shutil
import string
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local.mux.errors import MediaError
from local.mux.media.encode import MASTER, RENDITION
from local.mux.media.ffmpeg import run_ffmpeg

CLIP_SECONDS = 8
LONGEST_SAMPLE = 9999
_FRAME_RATE = 25
# 8 s are a whole number of AAC's packets.
_SAMPLE_RATE = 48_000
_ID_LENGTH = 40
_ID = re.compile(r"sample([a-z])(\d{4})[A-Za-z0-9]{29}\Z")
_HEADER = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n"


@dataclass(frozen=True)
class Clip:
    """One generated clip: a moving colour gradient with a chord.

    Attributes:
        letter: The letter of the clip in playback ids.
        aspect_ratio: Its aspect ratio, as Mux writes it.
        size: Its width and height in pixels.
        gradient: The kind of the gradient.
        colours: The colours of the gradient.
        pitch: The lowest tone of the chord, in hertz.
    """

    letter: str
    aspect_ratio: str
    size: tuple[int, int]
    gradient: str
    colours: tuple[str, ...]
    pitch: int


_PORTRAIT = (270, 480)
CLIPS = (
    Clip("a", "9:16", _PORTRAIT, "linear", ("0x14213d", "0xd9456f", "0xf7b267"), 196),
    Clip("b", "9:16", _PORTRAIT, "radial", ("0x03312e", "0x2a9d8f", "0xe9f5db"), 220),
    Clip("c", "9:16", _PORTRAIT, "circular", ("0x240046", "0x7b2cbf", "0xff9e00"), 247),
    Clip("d", "9:16", _PORTRAIT, "spiral", ("0x001d3d", "0x0096c7", "0xffffff"), 262),
    Clip("e", "16:9", (480, 270), "linear", ("0x2b2d42", "0xef233c", "0xedf2f4"), 294),
    Clip("f", "1:1", (360, 360), "radial", ("0x1b4332", "0x95d5b2", "0xffd166"), 330),
    Clip("g", "4:5", (320, 400), "spiral", ("0x370617", "0xdc2f02", "0xffba08"), 349),
)


@dataclass(frozen=True)
class Sample:
    """What a sample's playback id says: the clip, and the seconds for which it plays."""

    clip: Clip
    seconds: int

    def playlist(self) -> str:
        """Return the rendition playlist, which repeats the clip up to the sample's length."""
        lines = []
        for second in range(self.seconds):
            place = second % CLIP_SECONDS
            if second and not place:
                lines.append("#EXT-X-DISCONTINUITY\n")
            lines.append(f"#EXTINF:1.000000,\n{place:05d}.ts\n")
        return f"{_HEADER}{''.join(lines)}#EXT-X-ENDLIST\n"


def sample_id(aspect_ratio: str, seconds: int, rng: random.Random) -> str:
    """Draw the playback id of a sample.

    Args:
        aspect_ratio: One of the aspect ratios of `CLIPS`.
        seconds: The length of the sample, from 1 to 9,999.
        rng: The source of all draws.

    Raises:
        ValueError: No clip has this aspect ratio, or the length is out of range.
    """
    clips = [clip for clip in CLIPS if clip.aspect_ratio == aspect_ratio]
    if not clips or not 1 <= seconds <= LONGEST_SAMPLE:
        raise ValueError(f"There is no sample of {aspect_ratio} and {seconds} s")
    beginning = f"sample{rng.choice(clips).letter}{seconds:04d}"
    letters = string.ascii_letters + string.digits
    return beginning + "".join(rng.choices(letters, k=_ID_LENGTH - len(beginning)))


def parse_sample_id(playback_id: str) -> Sample | None:
    """Return the sample that a playback id names, or None for every other id."""
    found = _ID.match(playback_id)
    clip = next((clip for clip in CLIPS if found and clip.letter == found[1]), None)
    if not found or clip is None or not int(found[2]):
        return None
    return Sample(clip, int(found[2]))


class SampleClips:
    """The files of the clips, made when they are first needed.

    Args:
        folder: The folder that keeps the clips.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._making: dict[str, asyncio.Lock] = {clip.letter: asyncio.Lock() for clip in CLIPS}

    async def folder(self, clip: Clip) -> Path:
        """Return the folder of a clip's stream. Make the stream if it is missing.

        Raises:
            MediaError: ffmpeg failed.
        """
        folder = self._folder / clip.letter
        async with self._making[clip.letter]:
            if not _is_there(folder):
                await _make(clip, folder)
        return folder


async def _make(clip: Clip, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        code, text = await run_ffmpeg(
            *("-v", "error", "-threads", "1", *_inputs(clip), "-t", str(CLIP_SECONDS)),
            *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p"),
            *("-force_key_frames", "expr:gte(t,n_forced)", "-threads", "1"),
            *("-c:a", "aac", "-aac_coder", "fast", "-b:a", "64k"),
            # The encoder puts a packet before the sound. Without it, the sound lasts as long as
            # the picture, and repeated clips do not drift.
            *("-bsf:a", "noise=drop=not(n)"),
            *("-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "-hls_playlist_type", "vod"),
            *("-hls_segment_filename", unfinished / "%05d.ts", "-master_pl_name", MASTER),
            unfinished / RENDITION,
        )
        if code:
            raise MediaError(f"A sample clip could not be made: {text.strip()[-200:]}")
        _move(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _inputs(clip: Clip) -> tuple[str, ...]:
    width, height = clip.size
    colours = "".join(f":c{n}={colour}" for n, colour in enumerate(clip.colours))
    picture = (
        f"gradients=s={width}x{height}:r={_FRAME_RATE}:type={clip.gradient}:speed=0.02:seed=7"
        f":n={len(clip.colours)}{colours}"
    )
    chord = "+".join(f"sin(2*PI*t*{round(clip.pitch * ratio)})" for ratio in (1, 1.25, 1.5))
    # The chord swells and fades twice a second, so that a picture without sound is noticed.
    sound = f"aevalsrc=0.06*(1+sin(4*PI*t))*({chord}):s={_SAMPLE_RATE}"
    return ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)


def _move(unfinished: Path, folder: Path) -> None:
    unfinished.replace(folder)


def _is_there(folder: Path) -> bool:
    return (folder / RENDITION).exists()
