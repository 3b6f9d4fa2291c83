"""Take parts of a running stack away and bring them back, as the page's buttons ask.

The gateway is a process of its own: what it is asked it leaves in a file, which the stack reads.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.errors import StackError
from local.state import write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.own_parts import OwnParts

STATE = "parts.json"
WANTED = "parts-wanted.json"


class Switch:
    """Follows the wishes in a folder.

    Args:
        stack: the stack whose parts they are.
        folder: where wishes and state are kept.
    """

    def __init__(self, stack: OwnParts, folder: Path) -> None:
        self._folder = folder
        switches: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "Postgres": (stack.stop_postgres, stack.start_postgres),
            "DynamoDB": (stack.stop_dynamodb, stack.start_dynamodb),
        }
        self._switches = {name: switches[name] for name in stack.switchable()}
        self._running = dict.fromkeys(self._switches, True)
        (folder / WANTED).unlink(missing_ok=True)
        write_json(folder / STATE, self._running)

    def look(self) -> str | None:
        """Does what is asked; returns what to tell of it, None where nothing was asked."""
        wanted = wishes(self._folder)
        for name, (stop, start) in self._switches.items():
            running = wanted.get(name, True)
            if running == self._running[name]:
                continue
            try:
                (start if running else stop)()
            except StackError as error:
                (self._folder / WANTED).unlink(missing_ok=True)
                return f"{name} stays as it is: {error}"
            self._running[name] = running
            write_json(self._folder / STATE, self._running)
            return f"{name} is {'back' if running else 'taken away'}, as the page asked"
        return None

    def close(self) -> None:
        """Removes the files: the stack ends."""
        for name in (STATE, WANTED):
            (self._folder / name).unlink(missing_ok=True)


def wishes(folder: Path) -> dict[str, bool]:
    """The parts that somebody switched, and whether they are to run."""
    return read(folder / WANTED)


def read(path: Path) -> dict[str, bool]:
    """The flags in a file; none where it is missing."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
