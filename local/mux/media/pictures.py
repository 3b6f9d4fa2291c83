"""Make pictures of streams: single frames, moving pictures, storyboards."""

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from local.mux.errors import MediaError
from local.mux.media.encode import limits
from local.mux.media.ffmpeg import last_line, run_ffmpeg

LAST_FRAME_SECONDS = 5.0


async def make_picture(playlist: Path, picture: Path, seconds: float, size: str) -> None:
    """Write one frame of a stream as a picture, in the format of the picture's suffix.

    Args:
        playlist: The rendition playlist of the stream.
        picture: The file to write.
        seconds: The time of the frame.
        size: Width and height as ffmpeg's scale filter takes them, such as `320:-2`.

    Raises:
        MediaError: The stream has no frame.
    """
    opened, source = limits(playlist), ("-i", playlist, "-vf", f"scale={size}", "-an")
    one = ("-frames:v", "1")
    with suppress(MediaError):
        return await _write(picture, ("-ss", f"{seconds:.3f}", *opened, *source, *one))
    # There is no frame at that time: write those shortly before it, each over the one before.
    back = max(0.0, seconds - LAST_FRAME_SECONDS)
    with suppress(MediaError):
        return await _write(picture, ("-ss", f"{back:.3f}", *opened, *source, "-update", "1"))
    # The frames are further apart than that: take the first one.
    return await _write(picture, (*opened, *source, *one))


async def make_animation(
    playlist: Path, picture: Path, span: tuple[float, float], width: int, rate: int
) -> None:
    """Write a part of a stream as a moving picture, in the format of the picture's suffix.

    Args:
        playlist: The rendition playlist of the stream.
        picture: The file to write.
        span: The start and end in seconds.
        width: The width in pixels.
        rate: Frames a second.

    Raises:
        MediaError: There is no frame in that part.
    """
    filters = f"fps={rate},scale={width}:-2"
    await _write(picture, (*_part(playlist, span), "-vf", filters, "-loop", "0", "-an"))


async def make_storyboard(
    playlist: Path,
    picture: Path,
    span: tuple[float, float],
    tile: tuple[int, int],
    grid: tuple[int, int],
) -> None:
    """Write frames of a stream into one picture, in the format of the picture's suffix.

    Args:
        playlist: The rendition playlist of the stream.
        picture: The file to write.
        span: The start and end of the part that is shown, in seconds.
        tile: Width and height of each frame in pixels.
        grid: The number of frames, and the number of columns.

    Raises:
        MediaError: There is no frame in that part.
    """
    count, columns = grid
    length = max(span[1] - span[0], 0.001)
    shown = f"fps={count}/{length:.6f}:round=up,scale={tile[0]}:{tile[1]}"
    tiled = f"tile={min(columns, count)}x{math.ceil(count / columns)}"
    await _write(
        picture,
        (*_part(playlist, span), "-vf", f"{shown},{tiled}", "-frames:v", "1", "-an"),
    )


def _part(playlist: Path, span: tuple[float, float]) -> tuple[str | Path, ...]:
    start, end = span
    seek = ("-ss", f"{start:.3f}", "-t", f"{end - start:.3f}")
    return (*seek, *limits(playlist), "-i", playlist)


async def _write(picture: Path, arguments: Sequence[str | Path]) -> None:
    picture.parent.mkdir(parents=True, exist_ok=True)
    unfinished = picture.with_name(f"part-{picture.name}")
    code, text = await run_ffmpeg("-v", "error", "-threads", "1", *arguments, unfinished)
    if code or not unfinished.exists() or not unfinished.stat().st_size:
        unfinished.unlink(missing_ok=True)
        raise MediaError(f"No picture could be made: {last_line(text)}")
    unfinished.replace(picture)
