"""The rows that Postgres reads and the buffers that it touches, by its own counters."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from shared.postgres import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.postgres import Postgres

_BUDGET_S = 10.0
# Only user tables are counted. A connection reads the system catalogue once, not for each page.
_COUNTERS = """
SELECT (SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables)
     + (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes),
       sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)
           + coalesce(toast_blks_hit + toast_blks_read + tidx_blks_hit + tidx_blks_read, 0))
FROM pg_statio_user_tables
"""


@dataclass(frozen=True, slots=True)
class Work:
    """The work that Postgres did for some pages.

    Attributes:
        rows: The number of index entries that scans returned, and of rows read in sequence.
        buffers: The number of blocks of tables and indexes that were touched, in the buffer pool
            or not.
    """

    rows: int
    buffers: int


class Meter:
    """The counters of a server on which nothing else happens."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def measure(self, database: Postgres, act: Callable[[], object]) -> Work:
        """Return what `act` costs. It works on `database` from this thread."""
        before = self._read(database)
        act()
        after = self._read(database)
        return Work(after.rows - before.rows, after.buffers - before.buffers)

    def _read(self, database: Postgres) -> Work:
        # A session reports its counts at most once a second, unless it is told to do so.
        flush = Statement(b"SELECT pg_stat_force_next_flush()")
        database.run(flush, viewer=None, budget_s=_BUDGET_S)
        row = self._connection.execute(_COUNTERS).fetchone()
        assert row is not None  # noqa: S101 - an aggregate has a row
        return Work(int(row[0]), int(row[1]))


@contextmanager
def quiet_meter(admin_url: str) -> Iterator[Meter]:
    """Yield a meter. The server does none of its own upkeep while the block runs."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield Meter(connection)
        finally:
            connection.execute("ALTER SYSTEM RESET autovacuum")
            connection.execute("SELECT pg_reload_conf()")
