"""Turns files into what Mux would stream: HLS, clips, thumbnails. Small and fast, not pretty."""

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from local.mux.errors import MediaError
from local.mux.media.ffmpeg import run_ffmpeg
from local.mux.media.playlists import make_whole
from local.mux.media.probe import INPUT_LIMITS, probe
from local.mux.records import Media

MASTER = "master.m3u8"
RENDITION = "rendition.m3u8"
LONGEST_SIDE = 640
LAST_FRAME_SECONDS = 5.0
# Keeps the shape, never enlarges, and gives x264 the even sides that it needs.
_SCALE = (
    f"scale=w='trunc(iw*min(1,{LONGEST_SIDE}/max(iw,ih))/2)*2'"
    f":h='trunc(ih*min(1,{LONGEST_SIDE}/max(iw,ih))/2)*2',setsar=1"
)
_VIDEO = (
    *("-map", "0:V:0", "-vf", _SCALE, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "30"),
    *("-pix_fmt", "yuv420p", "-force_key_frames", "expr:gte(t,n_forced*4)"),
)
# The fast coder takes half the time of the one that sounds better.
_AUDIO = ("-map", "0:a:0", "-c:a", "aac", "-aac_coder", "fast", "-b:a", "64k")
MOST_CHANNELS = 2
_HLS = ("-f", "hls", "-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod")
_SEGMENT_SECONDS = re.compile(r"#EXTINF:([\d.]+)")


async def make_stream(
    source: Path, folder: Path, clip: tuple[float, float | None] | None = None
) -> Media:
    """Encode a file, or a part of it, into an HLS stream.

    Args:
        source: An uploaded file, or the rendition playlist of another stream.
        folder: Where `MASTER`, `RENDITION` and the segments go.
        clip: Start and end in seconds of the source, None = its end; frame-accurate.

    Returns:
        What the stream holds; its duration is that of what could be decoded, so it differs from
        the file's own claim by the encoder's rounding, and by more for a file that was cut off.

    Raises:
        MediaError: The file cannot be read or decoded.
    """
    limits = _limits(source)
    media = await (probe(source) if limits is INPUT_LIMITS else _probe_stream(source))
    start, end = clip or (0.0, None)
    seek = ("-ss", f"{start:.3f}") if start else ()
    cut = ("-t", f"{end - start:.3f}") if end is not None else ()
    _empty(folder)
    code, text = await run_ffmpeg(
        *("-v", "error", "-threads", "1", *limits, *seek, *cut, "-i", source),
        *(_VIDEO if media.width is not None else ("-vn",)),
        *(_sound(media.channels) if media.channels is not None else ("-an",)),
        *(*cut, "-threads", "1", *_HLS, "-master_pl_name", MASTER),
        *("-hls_segment_filename", folder / "%05d.ts", folder / RENDITION),
    )
    media.duration = stream_seconds(folder / RENDITION)
    if code or media.duration <= 0 or not (folder / MASTER).exists():
        raise MediaError(f"The input could not be decoded: {_last_line(text)}")
    make_whole(folder / MASTER, folder / RENDITION, media, _scaled(media))
    return media


async def _probe_stream(playlist: Path) -> Media:
    segments = sorted(playlist.parent.glob("*.ts"))
    if not segments:
        raise MediaError("The source has no stream")
    return await probe(segments[0])


def stream_seconds(playlist: Path) -> float:
    """Return the length of an HLS stream in seconds; 0 where there is none."""
    if not playlist.exists():
        return 0.0
    return round(sum(map(float, _SEGMENT_SECONDS.findall(playlist.read_text()))), 6)


async def make_picture(playlist: Path, picture: Path, seconds: float, size: str) -> None:
    """Write one frame of a stream as a WebP or JPEG file, by the picture's suffix.

    Args:
        playlist: The rendition playlist of the stream.
        picture: The file to write.
        seconds: Where in the stream.
        size: Width and height as ffmpeg's scale filter takes them, such as `320:-2`.

    Raises:
        MediaError: The stream has no frame.
    """
    limits, where = _limits(playlist), ("-i", playlist, "-vf", f"scale={size}", "-an")
    one = ("-frames:v", "1")
    with suppress(MediaError):
        return await _write(picture, ("-ss", f"{seconds:.3f}", *limits, *where, *one))
    # Past the last frame: the last of those before it, each written over the one before.
    back = max(0.0, seconds - LAST_FRAME_SECONDS)
    with suppress(MediaError):
        return await _write(picture, ("-ss", f"{back:.3f}", *limits, *where, "-update", "1"))
    # Frames that are further apart than that: the first one.
    return await _write(picture, (*limits, *where, *one))


async def make_animation(
    playlist: Path, picture: Path, span: tuple[float, float], width: int, rate: int
) -> None:
    """Write a part of a stream as an animated WebP or GIF file, by the picture's suffix.

    Args:
        playlist: The rendition playlist of the stream.
        picture: The file to write.
        span: Start and end in seconds.
        width: Pixels.
        rate: Frames per second.

    Raises:
        MediaError: There is no frame in that part.
    """
    start, end = span
    await _write(
        picture,
        (
            *("-ss", f"{start:.3f}", "-t", f"{end - start:.3f}", *_limits(playlist)),
            *("-i", playlist, "-vf", f"fps={rate},scale={width}:-2", "-loop", "0", "-an"),
        ),
    )


async def _write(picture: Path, arguments: Sequence[str | Path]) -> None:
    picture.parent.mkdir(parents=True, exist_ok=True)
    half_done = picture.with_name(f"part-{picture.name}")
    code, text = await run_ffmpeg("-v", "error", "-threads", "1", *arguments, half_done)
    if code or not half_done.exists() or not half_done.stat().st_size:
        half_done.unlink(missing_ok=True)
        raise MediaError(f"No picture could be made: {_last_line(text)}")
    half_done.replace(picture)


def _scaled(media: Media) -> tuple[int, int] | None:
    """Width and height as `_SCALE` makes them; None without a picture."""
    if media.width is None or media.height is None:
        return None
    factor = min(1.0, LONGEST_SIDE / max(media.width, media.height))
    return int(media.width * factor / 2) * 2, int(media.height * factor / 2) * 2


def _sound(channels: int) -> tuple[str, ...]:
    return (*_AUDIO, "-ac", str(min(channels, MOST_CHANNELS)))


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _limits(source: Path) -> tuple[str, ...]:
    """Return what ffmpeg may open; a playlist is one that this module wrote."""
    if source.suffix == ".m3u8":
        # Few frames beside a long sound come late in the stream: ffmpeg is to look for them.
        return ("-protocol_whitelist", "file", "-analyzeduration", "1G", "-probesize", "1G")
    return INPUT_LIMITS


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    # ffmpeg names the file by its path on this machine, which is no business of the client.
    return re.sub(r"/\S*/", "", lines[-1]) if lines else "it holds no frames"
