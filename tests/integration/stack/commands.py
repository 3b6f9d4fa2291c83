"""Runs commands as a reader of the documentation would."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def run(command: list[str], folder: Path | None = None) -> str:
    """What the command prints.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    done = subprocess.run(  # noqa: S603  # the project's own commands
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout
