"""Keeps the logs of a stack that runs for long from filling the disk."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_LOG = 20_000_000


def rotate(folder: Path, largest: int = LARGEST_LOG) -> list[Path]:
    """Move the content of logs that have grown too large to `<name>.log.1`.

    The processes that write a log keep it open for appending. So it is copied and emptied, not
    renamed; lines that are written in between are lost.

    Args:
        folder: The folder of the logs. It need not exist.
        largest: The number of bytes that a log may have.

    Returns:
        The logs that were emptied.
    """
    large = [log for log in sorted(folder.glob("*.log")) if log.stat().st_size > largest]
    for log in large:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)
    return large
