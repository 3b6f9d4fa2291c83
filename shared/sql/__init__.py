"""Named SQL statements. Each file holds blocks that begin with `-- name: <statement>`."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(file: str) -> dict[str, bytes]:
    """Read `file` (without its ending) of this folder: statement name → SQL.

    Raises:
        ValueError: A name stands twice, or text stands before the first name.
    """
    text = resources.files(__package__).joinpath(f"{file}.sql").read_text(encoding="utf-8")
    head, *parts = _NAME.split(text)
    if any(line and not line.startswith("--") for line in head.splitlines()):
        raise ValueError(f"{file}.sql: SQL before the first name")
    names = parts[::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file}.sql: a name stands twice")
    return {
        name: sql.strip().rstrip(";").encode() for name, sql in zip(names, parts[1::2], strict=True)
    }


FEED: Final = load("feed")
