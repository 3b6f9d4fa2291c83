"""The numbers that servers give their rows, so that rows of two servers never meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from ops.cells.servers import identifier

if TYPE_CHECKING:
    from ops.cells.servers import Server

_STEP: Final = 1000
_SEQUENCES: Final = (
    ("public.engagement_queue", "queue_no"),
    ("vroom_private.erasure_orders", "order_no"),
)


def number_apart(catalogue: Server, cell: Server, number: int) -> bool:
    """Let the numbers of two servers' rows never meet: each counts in thousands, from its number.

    A cell begins above what the catalogue has given out, so that its events come after those.
    """
    done = False
    for table, column in _SEQUENCES:
        base = _count_in_steps(catalogue, table, column, 0, 0)
        done = _count_in_steps(cell, table, column, number, base) != 0 or done
    return done


def give_higher_numbers(catalogue: Server, cell: Server, number: int) -> None:
    """Let both servers give numbers above all that one of them may have given and forgotten.

    A restored cell must not number its events as those that wait at the catalogue. A restored
    catalogue must not number its posts as those that its cells know: viewers have seen these.
    """
    for table, column in _SEQUENCES:
        taken = int(
            catalogue.one(
                f"SELECT coalesce(max({column}), 0) FROM {table} WHERE {column} %% 1000 = %s",  # noqa: S608  (of the list)
                number,
            )
        )
        sequence = cell.one("SELECT pg_get_serial_sequence(%s, %s)", table, column)
        if taken > int(cell.one(f"SELECT last_value FROM {sequence}")):  # noqa: S608  (of the catalogue)
            cell.one("SELECT setval(%s, %s)", sequence, taken)
    known = int(cell.one("SELECT coalesce(max(post_no), 0) FROM post_stats"))
    sequence = catalogue.one("SELECT pg_get_serial_sequence('public.posts', 'post_no')")
    if known > int(catalogue.one(f"SELECT last_value FROM {sequence}")):  # noqa: S608  (of the catalogue)
        catalogue.one("SELECT setval(%s, %s)", sequence, known)


def _count_in_steps(server: Server, table: str, column: str, number: int, above: int) -> int:
    """Return the last number that was given out; for a cell 0 where nothing was to be done."""
    sequence = server.one("SELECT pg_get_serial_sequence(%s, %s)", table, column)
    step = "SELECT seqincrement FROM pg_sequence WHERE seqrelid = %s::regclass"
    stepped = server.one(step, sequence) == _STEP
    if stepped and number:
        return 0
    with server.connection.transaction():
        # Nobody draws a number meanwhile.
        server.connection.execute(
            sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(identifier(table))
        )
        last = int(server.one(f"SELECT last_value FROM {sequence}"))  # noqa: S608  (of the catalogue)
        if not stepped:
            first = (max(last, above) // _STEP + 1) * _STEP + number
            server.connection.execute(
                sql.SQL("ALTER SEQUENCE {} INCREMENT BY {} RESTART WITH {}").format(
                    sql.SQL(sequence), sql.Literal(_STEP), sql.Literal(first)
                )
            )
            last = first
    return last
