"""The servers of a catalogue with cells, and the names of what connects them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from psycopg import Connection

GROUP: Final = "vroom_replication"  # who may read the published tables
CATALOGUE: Final = "vroom_catalogue"  # publication and subscription of the catalogue
PUBLICATION_OF_CELL: Final = "vroom_cell"
MOST_CELLS: Final = 999

# What an address has beside user, password and settings of a session.
_ADDRESS: Final = (
    *("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey"),
    "channel_binding",
)


class CellsError(Exception):
    """What was asked for cannot be done as things are; the text says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two servers of a connection.

    Attributes:
        connection: A connection as the schema's owner, in autocommit mode.
        url: The address by which the other server reaches this one.
        kind: The kind of server: `both`, `catalogue` or `viewers`.
    """

    connection: Connection[Any]
    url: str
    kind: str

    def one(self, query: str, *parameters: object) -> Any:  # noqa: ANN401  (any value of SQL)
        """Return the first column of the only row, or None where there is no row."""
        row = self.connection.execute(query.encode(), parameters).fetchone()
        return None if row is None else row[0]

    def column(self, query: str, *parameters: object) -> list[Any]:
        """Return the first column of all rows."""
        return [row[0] for row in self.connection.execute(query.encode(), parameters)]

    def address(self, user: str, password: str) -> str:
        """Return how the other server connects to this one, as one of the roles."""
        given = {k: str(v) for k, v in conninfo_to_dict(self.url).items() if k in _ADDRESS}
        return make_conninfo(**given, user=user, password=password)


def open_server(url: str, reached_by: str | None = None) -> Server:
    """Connect to a server as the schema's owner.

    Args:
        url: The address for the operator.
        reached_by: The address for the other server, where it is another one.

    Raises:
        CellsError: The database has no schema of the feed that knows kinds of servers.
        psycopg.Error: There is no connection.
    """
    connection = psycopg.connect(url, autocommit=True, application_name="vroom cells")
    try:
        row = connection.execute("SELECT kind FROM vroom_private.server").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        connection.close()
        raise CellsError("The database is not migrated: run make migrate first.") from None
    return Server(connection, reached_by or url, str(row[0]) if row else "both")


def identifier(table: str) -> sql.Identifier:
    """Return a table's name with its schema, as SQL writes it."""
    return sql.Identifier(*table.split("."))


def slot_to(cell: int) -> str:
    """Return the slot on the catalogue by which a cell gets the catalogue."""
    return f"vroom_to_cell_{cell}"


def slot_from(cell: int) -> str:
    """Return the slot on a cell by which the catalogue gets what viewers did."""
    return f"vroom_from_cell_{cell}"


def reader_of(cell: int) -> str:
    """Return the role with which the catalogue connects to a cell."""
    return f"vroom_catalogue_{cell}"


def name_of(cell: int) -> str:
    """Return the role and the subscription of a cell on the catalogue."""
    return f"vroom_cell_{cell}"
