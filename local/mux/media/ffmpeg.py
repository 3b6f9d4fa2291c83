"""Run ffmpeg as a child process that never outlives its caller."""

import asyncio
import re
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe


async def run_ffmpeg(*arguments: str | Path) -> tuple[int, str]:
    """Run ffmpeg to its end. Kill it when the caller is cancelled.

    Args:
        arguments: The arguments of the command.

    Returns:
        The exit code and the text that ffmpeg wrote to stderr.
    """
    child = await asyncio.create_subprocess_exec(
        get_ffmpeg_exe(),
        *("-hide_banner", "-nostdin", "-y"),
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, stderr = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode or 0, stderr.decode(errors="replace")


def last_line(text: str) -> str:
    """Return the last line that ffmpeg wrote, without the paths of this machine."""
    lines = text.strip().splitlines()
    return re.sub(r"/\S*/", "", lines[-1]) if lines else "it holds no frames"
