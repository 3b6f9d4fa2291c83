"""Connect a cell to a catalogue: `python -m ops.cells` (docs/scaling.md).

Settings come from the environment. CATALOGUE and CELL are the addresses of the two servers as the
schema's owner, NUMBER is the cell's number. CATALOGUE_FOR_CELL and CELL_FOR_CATALOGUE are the
addresses by which the servers reach one another, where they are others. DISCONNECT=1 takes the
connection back. RESTORED=1 connects a cell anew after it or the catalogue was restored from a
backup. Without CELL it lists the cells.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ops.cells.command import run
from ops.cells.connecting import connect, disconnect
from ops.cells.resyncing import resync
from ops.cells.servers import Server, open_server

if TYPE_CHECKING:
    from collections.abc import Callable

_LIST = """
SELECT c.cell_no, s.active, pg_current_wal_lsn() - s.confirmed_flush_lsn AS behind
FROM vroom_private.cells c
LEFT JOIN pg_replication_slots s ON s.slot_name = 'vroom_to_cell_' || c.cell_no
ORDER BY c.cell_no
"""


def show(catalogue: Server, tell: Callable[[str], None]) -> None:
    """Tell of the cells, whether each is connected now, and how much it has still to get."""
    rows = catalogue.connection.execute(_LIST).fetchall()
    for number, active, behind in rows:
        state = "gets" if active else "has still to get, and does not ask for,"
        tell(f"cell {number} {state} {int(behind or 0):,} bytes of the catalogue's log")
    if not rows:
        tell("no cells")


def main() -> int:
    """Do what the environment asks for, and return the exit status."""
    given = {k: v for k, v in os.environ.items() if v}
    if "CATALOGUE" not in given or ("CELL" in given and "NUMBER" not in given):
        print(
            "Usage: make cells CATALOGUE=postgresql://… CELL=postgresql://… NUMBER=1",
            file=sys.stderr,
        )
        return 2
    number = 0
    if "NUMBER" in given:
        try:
            number = int(given["NUMBER"])
        except ValueError:
            print(f"NUMBER={given['NUMBER']} is no number.", file=sys.stderr)
            return 2

    def work(tell: Callable[[str], None]) -> None:
        catalogue = open_server(given["CATALOGUE"], given.get("CATALOGUE_FOR_CELL"))
        cell = None
        if "CELL" in given:
            cell = open_server(given["CELL"], given.get("CELL_FOR_CATALOGUE"))
        if given.get("DISCONNECT") == "1" and "NUMBER" in given:
            disconnect(catalogue, cell, number, tell)
        elif cell is not None and given.get("RESTORED") == "1":
            resync(catalogue, cell, number, tell)
        elif cell is not None:
            connect(catalogue, cell, number, tell)
        else:
            show(catalogue, tell)

    return run(work, "Not done")


if __name__ == "__main__":
    sys.exit(main())
