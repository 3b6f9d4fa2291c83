"""The zip of a built folder, its size, and the means to compare two builds."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.artifacts.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Lambda limits the size of a zip that is uploaded directly, and the size of its unpacked files.
MAX_ZIP_BYTES = 50 * 1024**2
MAX_UNPACKED_BYTES = 250 * 1024**2
_OLDEST = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644


@dataclass(frozen=True)
class Size:
    """The size of an artifact.

    Attributes:
        function: The name of the function.
        zipped: The size of its zip in bytes.
        unpacked: The size of its files in bytes.
        files: The number of its files.
        sha256: The hash of the zip. Two builds of the same sources have the same hash.
    """

    function: str
    zipped: int
    unpacked: int
    files: int
    sha256: str


def archive(folder: Path) -> bytes:
    """Return a folder's files as a zip that depends only on their names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, file in _files(folder):
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _FILE_MODE << 16
            packed.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def tree(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Return, by name, the content's hash, mode and mtime of every file and folder."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mode,
            int(path.stat().st_mtime),
        )
        for path in folder.rglob("*")
    }


def sizes(build: Path) -> list[Size]:
    """Return the size of every function in a build's folder, in the order of FUNCTIONS."""
    found = []
    for function in FUNCTIONS:
        folder = build / function.logical_id
        packed = archive(folder)
        lengths = [file.stat().st_size for _, file in _files(folder)]
        digest = hashlib.sha256(packed).hexdigest()
        found.append(Size(function.name, len(packed), sum(lengths), len(lengths), digest))
    return found


def table(found: list[Size]) -> str:
    """Return the sizes as a table for a terminal."""
    lines = [f"{'function':<15}{'zip MB':>8}{'unpacked MB':>13}{'files':>7}  sha256"]
    lines += [
        f"{size.function:<15}{size.zipped / 1e6:>8.2f}{size.unpacked / 1e6:>13.2f}"
        f"{size.files:>7}  {size.sha256[:16]}"
        for size in found
    ]
    return "\n".join(lines)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path
