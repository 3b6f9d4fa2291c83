"""Connect a cell to a catalogue, both ways, and take the connection back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from ops.cells import publishing as steps
from ops.cells.numbers import number_apart
from ops.cells.servers import (
    CATALOGUE,
    MOST_CELLS,
    PUBLICATION_OF_CELL,
    CellsError,
    identifier,
    name_of,
    reader_of,
    slot_from,
    slot_to,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.cells.servers import Server

# Rows that every migrated server has. Those of the catalogue take their place.
_SINGLE_ROWS: Final = ("public.feed_settings", "public.hot_scale", "public.heat_mix")


def connect(catalogue: Server, cell: Server, number: int, tell: Callable[[str], None]) -> None:
    """Connect a cell to a catalogue. What is connected already is left as it is.

    A run that was ended goes on in the next one. The cell may serve viewers once this returns.

    Args:
        catalogue: The catalogue, of kind `catalogue` or `both`.
        cell: The cell, of kind `viewers`.
        number: The cell's number, which it keeps, from 1 to 999.
        tell: Called with a line for each thing that was done.

    Raises:
        CellsError: The two cannot be connected; the text says why. Nothing was changed.
        psycopg.Error: A server refused a step.
    """
    _check(catalogue, cell, number)
    published = steps.publish(catalogue, CATALOGUE, only_new_rows=False)
    if published:
        tell("the catalogue publishes its tables")
    if steps.publish(cell, PUBLICATION_OF_CELL, only_new_rows=True):
        tell("the cell publishes what viewers do")
    for server, who in ((catalogue, "the catalogue"), (cell, "the cell")):
        if steps.let_read(server):
            tell(f"{who} lets the replicating roles read what it publishes")
    if number_apart(catalogue, cell, number):
        tell("the numbers of the cell's rows lie apart from all others")
    cell.connection.execute("UPDATE vroom_private.server SET cell_no = %s", [number])
    catalogue.connection.execute(
        "INSERT INTO vroom_private.cells (cell_no) VALUES (%s) ON CONFLICT DO NOTHING", [number]
    )
    _send_to_cell(catalogue, cell, number, tell)
    _send_to_catalogue(catalogue, cell, number, tell)
    if published:
        steps.refresh(cell, CATALOGUE)
        steps.wait_for_copies(cell, CATALOGUE)


def _send_to_cell(
    catalogue: Server, cell: Server, number: int, tell: Callable[[str], None]
) -> None:
    if steps.is_subscribed(cell, CATALOGUE):
        if not steps.follows_address(cell, CATALOGUE, catalogue):
            password = steps.draw_password(catalogue, name_of(number))
            steps.change_address(cell, CATALOGUE, catalogue.address(name_of(number), password))
            tell("the cell knows the new address of the catalogue")
        steps.wait_for_copies(cell, CATALOGUE)
        return
    _refuse_rows(cell, steps.tables_of(catalogue))
    password = steps.draw_password(catalogue, name_of(number))
    steps.keep_slot(catalogue, slot_to(number))
    for table in _SINGLE_ROWS:
        cell.connection.execute(sql.SQL("DELETE FROM {}").format(identifier(table)))
    address = catalogue.address(name_of(number), password)
    steps.subscribe(cell, CATALOGUE, address, CATALOGUE, slot_to(number))
    steps.wait_for_copies(cell, CATALOGUE)
    tell("the cell has a copy of the catalogue, and follows it")


def _send_to_catalogue(
    catalogue: Server, cell: Server, number: int, tell: Callable[[str], None]
) -> None:
    if not steps.is_subscribed(catalogue, name_of(number)):
        password = steps.draw_password(cell, reader_of(number))
        steps.keep_slot(cell, slot_from(number))
        address = cell.address(reader_of(number), password)
        steps.subscribe(catalogue, name_of(number), address, PUBLICATION_OF_CELL, slot_from(number))
        tell("the catalogue gets what viewers of the cell do")
    elif not steps.follows_address(catalogue, name_of(number), cell):
        password = steps.draw_password(cell, reader_of(number))
        steps.change_address(catalogue, name_of(number), cell.address(reader_of(number), password))
        tell("the catalogue knows the new address of the cell")
    steps.wait_for_copies(catalogue, name_of(number))
    # Only now, since the rows of the first copy are not among what the slot confirms.
    cell.connection.execute("UPDATE vroom_private.server SET sends_by = %s", [slot_from(number)])


def check_kinds(catalogue: Server, cell: Server, number: int) -> None:
    """Raise an error if two servers cannot be a catalogue and its cell of this number.

    Raises:
        CellsError: They cannot; the text says why.
    """
    if not 1 <= number <= MOST_CELLS:
        raise CellsError(f"NUMBER={number} is not from 1 to {MOST_CELLS}.")
    if catalogue.kind == "viewers":
        raise CellsError("CATALOGUE is a server of kind viewers, not one of kind catalogue.")
    if cell.kind != "viewers":
        raise CellsError(f"CELL is a server of kind {cell.kind}, not one of kind viewers.")
    for server, who in ((catalogue, "CATALOGUE"), (cell, "CELL")):
        if (level := server.one("SHOW wal_level")) != "logical":
            raise CellsError(
                f"{who} has wal_level = {level}, and replication needs logical"
                " (on RDS the parameter rds.logical_replication)."
            )
    _check_number(catalogue, cell, number)


def _check(catalogue: Server, cell: Server, number: int) -> None:
    check_kinds(catalogue, cell, number)
    for server, subscription, other, slot in (
        (cell, CATALOGUE, catalogue, slot_to(number)),
        (catalogue, name_of(number), cell, slot_from(number)),
    ):
        if steps.is_subscribed(server, subscription) and not steps.has_slot(other, slot):
            raise CellsError(
                f"The slot {slot} is gone, and with it what it kept. After a restore: RESTORED=1"
                " (docs/operations.md, Restoring)."
            )


def _check_number(catalogue: Server, cell: Server, number: int) -> None:
    version = "SELECT version FROM feed_schema_version()"
    if catalogue.one(version) != cell.one(version):
        raise CellsError("The two servers have different versions of the schema: migrate both.")
    own = cell.one("SELECT cell_no FROM vroom_private.server")
    if own not in (None, number):
        raise CellsError(f"CELL is cell {own}, not cell {number}.")
    taken = catalogue.one("SELECT true FROM vroom_private.cells WHERE cell_no = %s", number)
    if own is None and taken:
        raise CellsError(f"The catalogue has another cell with the number {number}.")


def _refuse_rows(cell: Server, tables: list[str]) -> None:
    """Refuse a cell that holds rows of its own where the catalogue's are to stand."""
    held = [
        table
        for table in tables
        if table not in _SINGLE_ROWS and cell.one(f"SELECT true FROM {table} LIMIT 1")  # noqa: S608
    ]
    if held:
        raise CellsError(f"The cell has rows of its own in {', '.join(held)}.")


def disconnect(
    catalogue: Server, cell: Server | None, number: int, tell: Callable[[str], None]
) -> None:
    """Take the connection of a cell back, also of one that is gone for good.

    A slot of a cell that does not come back keeps the catalogue's log for ever, until the disk is
    full.

    Args:
        catalogue: The catalogue.
        cell: The cell; None where it no longer answers. What it had not sent yet is lost then.
        number: The cell's number.
        tell: Called with a line for each thing that was done.

    Raises:
        CellsError: The cell has events that the catalogue may not have.
    """
    if cell is not None and cell.one("SELECT true FROM engagement_queue LIMIT 1"):
        raise CellsError("The cell's queue is not empty: take its viewers away and wait for it.")
    steps.drop_subscription(catalogue, name_of(number))
    if cell is not None:
        steps.drop_subscription(cell, CATALOGUE)
        steps.drop_slot(cell, slot_from(number))
        cell.connection.execute("UPDATE vroom_private.server SET sends_by = NULL, cell_no = NULL")
        steps.drop_role(cell, reader_of(number))
    steps.drop_slot(catalogue, slot_to(number))
    catalogue.connection.execute("DELETE FROM vroom_private.cells WHERE cell_no = %s", [number])
    steps.drop_role(catalogue, name_of(number))
    tell(f"cell {number} is no longer connected")
