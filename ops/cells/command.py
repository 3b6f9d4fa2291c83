"""What the commands about cells have in common: they tell what they did, or why they did not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psycopg

from ops.cells.servers import CellsError

if TYPE_CHECKING:
    from collections.abc import Callable


def run(work: Callable[[Callable[[str], None]], None], undone: str) -> int:
    """Do work that tells line by line what it does, and return the exit status.

    Args:
        work: Takes the function that it tells.
        undone: The words before the reason why it was not done.
    """
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        print(line, flush=True)

    try:
        work(tell)
    except (CellsError, psycopg.Error) as error:
        print(f"{undone}: {error}", file=sys.stderr)
        return 1
    if not told:
        print("nothing to do")
    return 0
