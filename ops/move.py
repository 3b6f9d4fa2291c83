"""Move a viewer from one cell to another: `python -m ops.move` (docs/scaling.md).

Settings come from the environment. VIEWER is the viewer's id. CATALOGUE, FROM and TO are the
addresses of three servers as the schema's owner; FROM or TO may be the catalogue itself, where it
is a server of kind `both`.

While a viewer is moved, nothing is read or written for them. Every step can be repeated. A run that
was ended at any point goes on in the next one, and after the last step a further run does nothing.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

from psycopg import sql

from ops.cells.command import run
from ops.cells.servers import CellsError, Server, open_server
from ops.cells.shares import shares_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.02
# The tables in which a viewer's rows name creators: the viewer, and when a row was written.
_NAMING: Final = (
    ("follows", "follower_id", "created_at"),
    ("feedback", "user_id", "created_at"),
    ("viewer_creator_affinity", "user_id", "at"),
)
_RUNNING: Final = (
    "SELECT l.pid || ':' || l.virtualxid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'virtualxid' AND l.granted AND a.datname = current_database()"
    " AND a.backend_type = 'client backend' AND l.pid <> pg_backend_pid()"
)


def move(
    catalogue: Server,
    source: Server,
    target: Server,
    viewer: UUID,
    tell: Callable[[str], None],
) -> None:
    """Move a viewer.

    Args:
        catalogue: The catalogue, which keeps where viewers are.
        source: The server that has the viewer now.
        target: The server that is to have them.
        viewer: Who.
        tell: Called with a line after each step.

    Raises:
        CellsError: The move is not possible as things are. The text says why.
        psycopg.Error: A server refused a step. The next run goes on.
    """
    from_cell, to_cell = _number(source), _number(target)
    if from_cell == to_cell:
        raise CellsError(f"FROM and TO are both cell {to_cell}.")
    known = "SELECT cell_no FROM vroom_private.viewer_cells WHERE user_id = %s"
    moving = "SELECT moving_to FROM vroom_private.viewer_cells WHERE user_id = %s"
    with catalogue.connection.transaction():
        # Another run for this viewer waits here, and then finds what this one did.
        catalogue.one("SELECT pg_advisory_xact_lock(hashtextextended(%s::text, 1))", viewer)
        at, goes_to = catalogue.one(known, viewer), catalogue.one(moving, viewer)
        if goes_to not in (None, to_cell):
            raise CellsError(f"The viewer is being moved to cell {goes_to}: end that move first.")
        arrived = at == to_cell and goes_to is None
        if not arrived:
            if at not in (None, from_cell):
                raise CellsError(f"The viewer is in cell {at}, not in cell {from_cell}.")
            if at is None and _has_rows(target, viewer):
                raise CellsError(f"The viewer's rows are in cell {to_cell}, not in {from_cell}.")
            catalogue.connection.execute(
                "INSERT INTO vroom_private.viewer_cells (user_id, cell_no, moving_to)"
                " VALUES (%s, %s, %s)"
                " ON CONFLICT (user_id) DO UPDATE SET moving_to = excluded.moving_to",
                [viewer, from_cell, to_cell],
            )
    if not arrived:
        tell(f"the viewer is on the way from cell {from_cell} to cell {to_cell}")
        _close(source, viewer, to_cell)
        tell(f"cell {from_cell} does nothing for them any more")
        rows = _take_over(source, target, viewer)
        tell(f"cell {to_cell} has the same {rows:,} rows")
        catalogue.connection.execute(
            "UPDATE vroom_private.viewer_cells SET cell_no = %s, moving_to = NULL"
            " WHERE user_id = %s",
            [to_cell, viewer],
        )
        tell(f"requests go to cell {to_cell}")
    if _remove(source, viewer):
        tell(f"cell {from_cell} has nothing of them any more")


def _number(server: Server) -> int:
    if server.kind == "both":
        return 0
    number = server.one("SELECT cell_no FROM vroom_private.server")
    if number is None:
        raise CellsError(
            f"A server of kind {server.kind} that is no connected cell has no viewers."
        )
    return int(number)


def _has_rows(server: Server, viewer: UUID) -> bool:
    return any(share.sum_of(server)[0] for share in shares_of(server, viewer))


def _close(source: Server, viewer: UUID, to_cell: int) -> None:
    """Let nothing be read or written for the viewer, and wait for what was begun before."""
    source.connection.execute(
        "INSERT INTO vroom_private.viewers_gone (user_id, to_cell) VALUES (%s, %s)"
        " ON CONFLICT (user_id) DO UPDATE SET to_cell = excluded.to_cell",
        [viewer, to_cell],
    )
    begun = set(source.column(_RUNNING))
    deadline = time.monotonic() + _PATIENCE_S
    while begun := begun & set(source.column(_RUNNING)):
        if time.monotonic() > deadline:
            raise CellsError(f"{len(begun)} transactions do not end: end them and run this again.")
        time.sleep(_LOOK_S)


def _take_over(source: Server, target: Server, viewer: UUID) -> int:
    """Copy all rows of the viewer in one transaction, and return how many there are.

    Raises:
        CellsError: The copy is not the same. Nothing was kept.
    """
    shares = list(shares_of(source, viewer))
    total = 0
    with source.connection.transaction(), target.connection.transaction():
        source.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for server in (source, target):
            server.connection.execute("SET LOCAL timezone = 'UTC'")
        _begin_move(target)
        target.connection.execute(
            "DELETE FROM vroom_private.viewers_gone WHERE user_id = %s", [viewer]
        )
        for share in shares:
            share.remove_from(target)
            share.copy(source, target)
            if (there := share.sum_of(source)) != share.sum_of(target):
                raise CellsError(f"The rows of {share.table} are not the same after the copy.")
            total += there[0]
        # The target may have forgotten an erased creator whom the source has still to forget.
        for table, key, at in _NAMING:
            target.connection.execute(
                sql.SQL(
                    "DELETE FROM public.{table} r USING vroom_private.erased_creators e"
                    " WHERE r.{key} = %s AND r.creator_id = e.creator_id AND r.{at} < e.erased_at"
                ).format(
                    table=sql.Identifier(table), key=sql.Identifier(key), at=sql.Identifier(at)
                ),
                [viewer],
            )
        # Feedback that the viewer gives from now on has a higher revision than what was moved.
        target.one(
            "SELECT setval(s.name, greatest(nextval(s.name), f.highest))"
            " FROM (SELECT pg_get_serial_sequence('public.feedback', 'revision') AS name) s,"
            " (SELECT coalesce(max(revision), 0) AS highest FROM feedback WHERE user_id = %s) f",
            viewer,
        )
    return total


def _remove(source: Server, viewer: UUID) -> bool:
    """Delete the viewer's rows where they were, and return whether there were any."""
    if not _has_rows(source, viewer):
        return False
    with source.connection.transaction():
        _begin_move(source)
        for share in shares_of(source, viewer):
            share.remove_from(source)
    return True


def _begin_move(server: Server) -> None:
    """Let triggers count nothing in this transaction."""
    server.connection.execute("SELECT set_config('vroom.move', 'on', true)")


def main() -> int:
    """Do what the environment asks for, and return the exit status."""
    given = {k: v for k, v in os.environ.items() if v}
    if not {"VIEWER", "CATALOGUE", "FROM", "TO"} <= given.keys():
        print(
            "Usage: make move VIEWER=<uuid> CATALOGUE=… FROM=… TO=… (postgresql://…)",
            file=sys.stderr,
        )
        return 2
    try:
        viewer = UUID(given["VIEWER"])
    except ValueError:
        print(f"VIEWER={given['VIEWER']} is no UUID.", file=sys.stderr)
        return 2

    def work(tell: Callable[[str], None]) -> None:
        catalogue, source, target = (
            open_server(given[name]) for name in ("CATALOGUE", "FROM", "TO")
        )
        move(catalogue, source, target, viewer, tell)

    return run(work, "Not moved")


if __name__ == "__main__":
    sys.exit(main())
