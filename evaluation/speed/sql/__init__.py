"""The benchmark's SQL. Each file holds statements that begin with `-- name: <statement>`."""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(file: str) -> dict[str, str]:
    """Return the statements of `file` (without its ending) by name, in the order of the file."""
    text = resources.files(__package__).joinpath(f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return dict(zip(parts[::2], (sql.strip().rstrip(";") for sql in parts[1::2]), strict=True))
