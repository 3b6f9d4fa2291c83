"""Videos made on the spot, and streams played back, with the ffmpeg of imageio-ffmpeg."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

from imageio_ffmpeg import get_ffmpeg_exe

from local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 120
_BROKEN_BYTES = 600_000


def make_video(path: Path, seconds: int) -> Path:
    """Write a portrait video of a test picture with a tone, and return its path.

    Raises:
        StackError: ffmpeg failed.
    """
    _ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=144x256:rate=10:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency=330:sample_rate=22050:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-b:a", "32k", "-movflags", "+faststart", str(path)),
    )
    return path


def make_broken(path: Path) -> Path:
    """Write a file that is no video, whatever its name says, and return its path."""
    noise = random.Random(3).randbytes(_BROKEN_BYTES)  # noqa: S311 - noise, not a secret
    path.write_bytes(b"this is no video\n" + noise)
    return path


def seconds_played(url: str) -> float:
    """How long a file or an HLS stream plays, by decoding all of it.

    Raises:
        StackError: It does not play.
    """
    printed = _ffmpeg("-i", url, "-f", "null", "-", "-progress", "pipe:1", "-nostats")
    times = [line.partition("=")[2] for line in printed.splitlines() if "out_time_us=" in line]
    if not times or not times[-1].isdigit():
        raise StackError(f"{url} holds nothing that plays")
    return int(times[-1]) / 1e6


def _ffmpeg(*arguments: str) -> str:
    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments]
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        raise StackError(f"ffmpeg failed: {error.stderr.strip()[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise StackError(f"ffmpeg did not end within {_TIMEOUT_S} s") from error
    return done.stdout
