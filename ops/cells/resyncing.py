"""Connect a cell anew after it, or the catalogue, was restored from a backup.

The two servers are then of different times, and their old connection cannot go on: it would leave
out, without a word, what was sent in between. So it is taken back, and the cell gets another copy
of the catalogue. No viewer may be served by the cell meanwhile.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from psycopg import sql

from ops.cells import publishing as steps
from ops.cells.connecting import check_kinds, connect
from ops.cells.numbers import give_higher_numbers
from ops.cells.servers import CATALOGUE, CellsError, identifier, name_of, slot_from, slot_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.cells.servers import Server

_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.05
# Rows that are older than the newest mark that the catalogue has confirmed. Where the cell was
# restored, and the catalogue has confirmed all of its backup, also all rows of the backup.
_FORGET_CONFIRMED: Final = """
DELETE FROM {table} q
WHERE %(restored)s AND q.{time} < pg_postmaster_start_time()
    AND %(confirmed)s::pg_lsn >= coalesce(pg_last_wal_replay_lsn(), pg_current_wal_insert_lsn())
  OR age(q.xmin) > (
    SELECT age(m.before_xid::xid) FROM vroom_private.queue_marks m
    WHERE m.at_lsn <= %(confirmed)s::pg_lsn ORDER BY m.mark_no DESC LIMIT 1)
"""
_SENT: Final = (("public.engagement_queue", "at"), ("vroom_private.erasure_orders", "ordered_at"))


def resync(catalogue: Server, cell: Server, number: int, tell: Callable[[str], None]) -> None:
    """Connect a cell anew, of which one side was restored to an earlier time.

    Events of the cell's queue that the catalogue has are removed, and the others are sent. A run
    that was ended goes on in the next one.

    Args:
        catalogue: The catalogue.
        cell: The cell, which serves no viewer now.
        number: The cell's number.
        tell: Called with a line for each thing that was done.

    Raises:
        CellsError: The two do not belong together, or one of them does not let go.
        psycopg.Error: A server refused a step.
    """
    check_kinds(catalogue, cell, number)
    confirmed = _stop_receiving(catalogue, number)
    if confirmed is not None:
        tell(f"{_forget_confirmed(catalogue, cell, number, confirmed)} events are at the catalogue")
    give_higher_numbers(catalogue, cell, number)
    _tell_of_moves(catalogue, cell)
    steps.drop_subscription(catalogue, name_of(number))
    steps.drop_subscription(cell, CATALOGUE)
    cell.connection.execute("UPDATE vroom_private.server SET sends_by = NULL")
    cell.connection.execute("DELETE FROM vroom_private.queue_marks")
    steps.drop_slot(cell, slot_from(number))
    steps.drop_slot(catalogue, slot_to(number))
    names = sql.SQL(", ").join(map(identifier, steps.tables_of(catalogue)))
    cell.connection.execute(sql.SQL("TRUNCATE {}").format(names))
    tell("the old connection is taken back, and the old copy of the catalogue is removed")
    connect(catalogue, cell, number, tell)


def _tell_of_moves(catalogue: Server, cell: Server) -> None:
    """Let a restored catalogue know of viewers who have left the cell since its backup."""
    for viewer, to_cell in cell.connection.execute(
        "SELECT user_id, to_cell FROM vroom_private.viewers_gone"
    ).fetchall():
        catalogue.connection.execute(
            "INSERT INTO vroom_private.viewer_cells (user_id, cell_no) VALUES (%s, %s)"
            " ON CONFLICT (user_id) DO NOTHING",
            [viewer, to_cell],
        )


def _stop_receiving(catalogue: Server, number: int) -> str | None:
    """Let the catalogue receive nothing more, and return how far it has confirmed the cell's log.

    The result is null where the catalogue has no subscription to this cell.
    """
    if not steps.is_subscribed(catalogue, name_of(number)):
        return None
    catalogue.connection.execute(
        sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(sql.Identifier(name_of(number)))
    )
    working = "SELECT pid FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL LIMIT 1"
    deadline = time.monotonic() + _PATIENCE_S
    while catalogue.one(working, name_of(number)) is not None:
        if time.monotonic() > deadline:
            raise CellsError(f"The subscription {name_of(number)} does not end. Run this again.")
        time.sleep(_LOOK_S)
    confirmed: str | None = catalogue.one(
        "SELECT o.remote_lsn::text FROM pg_replication_origin_status o"
        " JOIN pg_subscription s ON o.external_id = 'pg_' || s.oid"
        " WHERE s.subname = %s"
        " AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        name_of(number),
    )
    return confirmed


def _forget_confirmed(catalogue: Server, cell: Server, number: int, confirmed: str) -> int:
    """Remove from the cell what the catalogue has, and return how many events that were.

    Where the catalogue had not got all of a cell's backup, events of about a minute cannot be told
    apart by the place in the log. Of these the catalogue's own queue tells some. The rest is sent
    again.
    """
    # A base backup has no slots.
    restored = not steps.has_slot(cell, slot_from(number))
    removed = []
    for table, time_column in _SENT:
        statement = sql.SQL(_FORGET_CONFIRMED).format(
            table=identifier(table), time=sql.Identifier(time_column)
        )
        given = {"confirmed": confirmed, "restored": restored}
        removed.append(cell.connection.execute(statement, given).rowcount)
    waiting = catalogue.column(
        "SELECT queue_no FROM engagement_queue WHERE queue_no %% 1000 = %s", number
    )
    done = cell.connection.execute(
        "DELETE FROM engagement_queue WHERE queue_no = ANY (%s)", [waiting]
    )
    return removed[0] + done.rowcount
