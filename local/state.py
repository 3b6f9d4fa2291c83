"""The files that a stack keeps from one run to the next: secrets, stack.json, logs, a lock."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def write_private(path: Path, text: str) -> None:
    """Replaces a file as a whole; only its owner may read it (mode 0600).

    Args:
        path: the file; its folder must exist.
        text: the new content.
    """
    # mkstemp makes the file with mode 0600, so there is no moment in which others can read it.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401  (any JSON)
    """Replaces a JSON file as a whole, readable for its owner only."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def lasting_secrets(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Random secrets that stay the same from run to run.

    Args:
        path: the JSON file that keeps them; made with mode 0600 where it is missing.
        names: the secrets wanted; those the file lacks are drawn and added to it.

    Returns:
        Name to secret, 256 bits each in URL-safe text, for the names asked for.

    Raises:
        StackError: the file is there but does not hold a JSON object of strings.
    """
    wanted = list(names)
    kept: dict[str, str] = {}
    if path.exists():
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            valid = all(isinstance(kept.get(name, ""), str) for name in wanted)
        except (ValueError, AttributeError):
            valid = False
        if not valid:
            raise StackError(f"{path} is damaged: remove it, new secrets are then drawn")
    missing = [name for name in wanted if name not in kept]
    if missing:
        kept |= {name: secrets.token_urlsafe(32) for name in missing}
        write_json(path, kept)
    return {name: kept[name] for name in wanted}


@contextmanager
def exclusive(path: Path, *, taken: str) -> Iterator[None]:
    """Holds a lock file while the block runs; a process that dies lets go of it.

    Args:
        path: the lock file; it stays behind, empty.
        taken: what to say where another process holds it.

    Raises:
        StackError: another process holds the lock.
    """
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(taken) from None
        yield
