"""Makes small media files for the tests with ffmpeg."""

import random
import subprocess
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe


def make_video(
    path: Path,
    seconds: float,
    *,
    with_audio: bool = True,
    audio_seconds: float | None = None,
    size: str = "128x72",
    fps: int = 5,
) -> Path:
    """Write an H.264 video of a test picture, with a tone if wanted, and return its path.

    Args:
        path: The file; its suffix chooses the container.
        seconds: Its length.
        with_audio: Whether it has an AAC track.
        audio_seconds: Length of that track; None = the video's.
        size: Width and height in pixels, even numbers.
        fps: Frames per second.
    """
    run_ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc=size={size}:rate={fps}:duration={seconds}"),
        *(_tone(audio_seconds or seconds) if with_audio else ()),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *(("-c:a", "aac", "-b:a", "32k") if with_audio else ()),
        path,
    )
    return path


def make_audio(path: Path, seconds: float) -> Path:
    """Write a tone, in the codec of the path's suffix, and return its path."""
    run_ffmpeg(*_tone(seconds), path)
    return path


def make_broken(path: Path) -> Path:
    """Write 64 kB that are no media file, the same each time, and return its path."""
    path.write_bytes(b"not a video\n" + random.Random(7).randbytes(65_536))  # noqa: S311 - no secret
    return path


def media_seconds(source: Path | str) -> float:
    """Return how long a file or an HLS address plays, by decoding all of it."""
    done = run_ffmpeg("-i", source, "-f", "null", "-", "-progress", "pipe:1", "-nostats")
    times = [line.partition("=")[2] for line in done.splitlines() if line.startswith("out_time_us")]
    return int(times[-1]) / 1e6


def _tone(seconds: float) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=16000:duration={seconds}")


def run_ffmpeg(*arguments: str | Path) -> str:
    """Run ffmpeg, and return what it wrote to stdout."""
    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - own command
    return done.stdout
