"""What a cell keeps of one viewer, table by table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from ops.cells.servers import Server

# The tables of a viewer that do not come from the catalogue.
_TABLES: Final = (
    "SELECT name, key FROM vroom_private.viewer_tables()"
    " WHERE goes IN ('history', 'all', 'sessions') ORDER BY place"
)
_COLUMNS: Final = (
    "SELECT attname FROM pg_attribute WHERE attrelid = format('public.%%I', %s::text)::regclass"
    " AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attname"
)


@dataclass(frozen=True, slots=True)
class Share:
    """A viewer's rows of one table.

    Attributes:
        table: The name of the table, in the schema public.
        key: The column that names the viewer.
        value: What stands there.
        columns: The columns that are copied.
    """

    table: str
    key: str
    value: UUID
    columns: tuple[str, ...]

    @property
    def rows(self) -> sql.Composed:
        """Return the query that reads the rows."""
        return sql.SQL("SELECT {} FROM {} WHERE {} = {}").format(
            sql.SQL(", ").join(map(sql.Identifier, self.columns)),
            sql.Identifier("public", self.table),
            sql.Identifier(self.key),
            sql.Literal(self.value),
        )

    def sum_of(self, server: Server) -> tuple[int, int]:
        """Return how many rows a server has, and a sum of their contents."""
        row = server.connection.execute(
            sql.SQL(
                "SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)::numeric"
                " FROM ({}) AS r"
            ).format(self.rows)
        ).fetchone()
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def remove_from(self, server: Server) -> None:
        """Delete the rows on a server."""
        server.connection.execute(
            sql.SQL("DELETE FROM {} WHERE {} = {}").format(
                sql.Identifier("public", self.table),
                sql.Identifier(self.key),
                sql.Literal(self.value),
            )
        )

    def copy(self, source: Server, target: Server) -> None:
        """Copy the rows from one server to another one."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        out = sql.SQL("COPY ({}) TO STDOUT").format(self.rows)
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier("public", self.table), columns
        )
        with (
            source.connection.cursor().copy(out) as reading,
            target.connection.cursor().copy(into) as writing,
        ):
            for data in reading:
                writing.write(data)


def shares_of(server: Server, viewer: UUID) -> Iterator[Share]:
    """Yield a viewer's share of each table that cells do not get from the catalogue."""
    mark: UUID = server.one("SELECT vroom_private.erasure_mark(%s)", viewer)
    keyed: list[tuple[str, str, UUID]] = [
        (*row, viewer) for row in server.connection.execute(_TABLES).fetchall()
    ]
    for table, key, value in [*keyed, ("erasures", "mark", mark)]:
        yield Share(table, key, value, tuple(server.column(_COLUMNS, table)))
