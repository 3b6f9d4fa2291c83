"""Bring the rows that were there before into step, in batches, with progress."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ops.adopt.tables import beside, mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping
    from ops.adopt.text import Text

BATCH = 1000
_FEED_TRIGGERS = tuple(
    f"posts_{name}_{event}"
    for name in ("1_bits", "2_creators", "3_stats", "4_tags", "5_terms")
    for event in ("inserted", "updated")
)


@dataclass(frozen=True, slots=True)
class Backfill:
    """One table to go through by its key.

    Attributes:
        table: The table.
        key: Its key, by which batches follow one another.
        count: Statement that counts the rows which are not in step yet.
        batch: Statement that takes `after` and `rows`, brings a batch into step, and returns the
            last key of the batch and how many rows were written; the key is null at the end.
    """

    table: str
    key: str
    count: Text
    batch: Text

    def run(self, connection: Connection[Any], progress: Callable[[int], None]) -> int:
        """Go through the table; return how many rows were written."""
        after: Any = None
        written = 0
        while True:
            with connection.transaction():
                row = connection.execute(self.batch, {"after": after, "rows": BATCH}).fetchone()
            if row is None or row[0] is None:
                return written
            after = row[0]
            written += row[1]
            progress(row[2])


def posts(mapping: Mapping, inspection: Inspection) -> Backfill:
    """Return the way through the application's posts."""
    table = sql.Identifier(mapping.posts.schema, mapping.posts.table)
    key = sql.Identifier(mapping.post_id)
    batch = sql.SQL(
        "WITH batch AS MATERIALIZED ("
        " SELECT a.* FROM {table} a"
        " WHERE %(after)s::{type} IS NULL OR a.{key} > %(after)s::{type}"
        " ORDER BY a.{key} LIMIT %(rows)s FOR NO KEY UPDATE), "
        "written AS ({write} RETURNING 1) "
        "SELECT (SELECT b.{key} FROM batch b ORDER BY b.{key} DESC LIMIT 1),"
        " (SELECT count(*) FROM written), (SELECT count(*) FROM batch)"
    )
    write: Text
    if inspection.beside:
        write = sql.SQL(
            "UPDATE public.posts t SET {sets} FROM public.posts p"
            " JOIN batch b ON b.{key} = p.{key}"
            " LEFT JOIN public.post_stats s ON s.post_id = p.id"
            " WHERE t.id = p.id AND ({differs})"
        ).format(sets=beside.assignments(mapping), key=key, differs=beside.differing_rows(mapping))
        count = sql.SQL(
            "SELECT count(*) FROM public.posts p LEFT JOIN public.post_stats s ON s.post_id = p.id"
            " WHERE {}"
        ).format(beside.differing_rows(mapping))
    else:
        write = mirror.upsert(mapping, inspection, sql.SQL("b"))
        write += sql.SQL(" FROM batch b") + mirror.conflict(mapping)
        count = sql.SQL(
            "SELECT greatest(0, (SELECT count(*) FROM {}) - (SELECT count(*) FROM public.posts))"
        ).format(table)
    return Backfill(
        str(mapping.posts),
        mapping.post_id,
        count,
        batch.format(
            table=table,
            key=key,
            type=sql.SQL(inspection.posts[mapping.post_id].type),
            write=write,
        ),
    )


@contextmanager
def quiet_triggers(connection: Connection[Any]) -> Iterator[bool]:
    """Let an update of the application's own table fire the feed's triggers and no others.

    Yields:
        Whether the application's triggers are quiet. The server may not let this role decide.
    """
    try:
        connection.execute("SET session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        yield False
        return
    try:
        _let_fire(connection, "ENABLE ALWAYS TRIGGER")
        yield True
    finally:
        connection.execute("RESET session_replication_role")
        _let_fire(connection, "ENABLE TRIGGER")


def _let_fire(connection: Connection[Any], action: str) -> None:
    for name in _FEED_TRIGGERS:
        text = sql.SQL("ALTER TABLE public.posts {} {}").format(
            sql.SQL(action), sql.Identifier(name)
        )
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '10s'")
            connection.execute(text)
