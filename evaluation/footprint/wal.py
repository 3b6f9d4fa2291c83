"""What of the write-ahead log belongs to which relation, as pg_waldump shows it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from local.errors import StackError
from local.services.pgwheel import BINARIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# A record's length without images of pages, and with them.
_LENGTHS: Final = re.compile(r"len \(rec/tot\):\s*(\d+)/\s*(\d+)")
_RELATION: Final = re.compile(r"blkref #0: rel \d+/\d+/(\d+)")
NO_RELATION: Final = "(commits and the rest)"


@dataclass(slots=True)
class Written:
    """What was written to the log.

    Attributes:
        records: The number of records.
        record_bytes: Their bytes without images of pages.
        image_bytes: The bytes of images of whole pages, which the first change after a checkpoint
            logs.
    """

    records: int = 0
    record_bytes: int = 0
    image_bytes: int = 0

    def add(self, record_bytes: int, image_bytes: int) -> None:
        """Add one record."""
        self.records += 1
        self.record_bytes += record_bytes
        self.image_bytes += image_bytes


def by_relation(lines: Iterable[str], names: Mapping[int, str]) -> dict[str, Written]:
    """Add the records up by the relation whose page comes first in each.

    Args:
        lines: The lines of pg_waldump.
        names: The name of each relation by its file node.
    """
    found: dict[str, Written] = {}
    for line in lines:
        lengths = _LENGTHS.search(line)
        if lengths is None:
            continue
        relation = _RELATION.search(line)
        name = names.get(int(relation[1]), "(other)") if relation else NO_RELATION
        record, total = int(lengths[1]), int(lengths[2])
        found.setdefault(name, Written()).add(record, total - record)
    return found


def read(data: Path, begin: str, end: str, names: Mapping[int, str]) -> dict[str, Written]:
    """Read the log of a server between two places.

    Args:
        data: The data directory.
        begin: The place in the log at which to begin.
        end: The place at which to end.
        names: The name of each relation by its file node.

    Raises:
        StackError: pg_waldump could not read the log.
    """
    command = [str(BINARIES / "pg_waldump"), "--path", str(data / "pg_wal")]
    command += ["--start", begin, "--end", end]
    with subprocess.Popen(  # noqa: S603  # our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101  # it was opened as a pipe
        assert process.stderr is not None  # noqa: S101  # likewise
        found = by_relation(process.stdout, names)
        problem = process.stderr.read().strip()
    if process.returncode:
        raise StackError(f"pg_waldump: {problem[-300:]}")
    return found
