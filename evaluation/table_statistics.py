"""Statistics of tables that a world's results depend on, kept without autovacuum.

The roll-up learns with the number of posts that have heat, which it takes from the table's
statistics. Autovacuum brings these up to date by the real clock, so that a world on a busy machine
would come out otherwise than the same world on an idle one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

_FOUND = "SELECT to_regclass('public.post_heat') IS NOT NULL"


class HotPostCount:
    """The number of posts with heat, as the statistics say it.

    Args:
        connection: To the world's database as its owner, in autocommit. The database of an older
            build may have no such table.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        row = connection.execute(_FOUND).fetchone()
        self._connection = connection if row and row[0] else None
        if self._connection is not None:
            self._connection.execute("ALTER TABLE post_heat SET (autovacuum_enabled = false)")

    def update(self) -> None:
        """Count them anew. Call it before each roll-up."""
        if self._connection is not None:
            self._connection.execute("ANALYZE post_heat")
