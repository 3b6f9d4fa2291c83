"""The servers of a stack with viewer cells: one catalogue and the cells, connected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from local.errors import StackError
from local.migrate import migrate, prepare_roles
from local.services.postgres import REPLICATING, PostgresInstance, embedded_postgres
from ops.cells.connecting import connect
from ops.cells.servers import CellsError, open_server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from local.settings import StackSettings


@dataclass(frozen=True)
class CellServer:
    """One server of a stack with cells.

    Attributes:
        number: The number of the cell; 0 is the catalogue.
        instance: The server.
        urls: The URL with which each role of the functions connects, by role.
    """

    number: int
    instance: PostgresInstance
    urls: Mapping[str, str]

    @property
    def name(self) -> str:
        """Return how terminals call it."""
        return f"cell {self.number}" if self.number else "catalogue"


def start_cells(
    settings: StackSettings,
    started: ExitStack,
    kept: Mapping[str, str],
    progress: Callable[[str], None],
) -> list[CellServer]:
    """Start the catalogue and the cells, each on data of its own, and connect them.

    Args:
        settings: The choices of the stack.
        started: Ends the servers.
        kept: The passwords of the functions' roles.
        progress: Called with a short line before each step.

    Returns:
        The catalogue, then the cells in the order of their numbers.

    Raises:
        StackError: A server did not start, or did not let itself be connected.
    """
    if settings.database_url is not None or settings.pooler:
        raise StackError("CELLS has servers of its own: leave DATABASE_URL and POOLER away")
    state_dir = settings.state_dir.resolve()
    servers = []
    for number in range(settings.cells + 1):
        name = f"cell-{number}" if number else "catalogue"
        progress(f"Postgres of {name.replace('-', ' ')}")
        servers.append(_start(settings, started, state_dir, name, number, kept))
    catalogue, *cells = servers
    for cell in cells:
        progress(f"connection of {cell.name}")
        try:
            _connect(catalogue, cell)
        except (CellsError, psycopg.Error) as error:
            raise StackError(f"{cell.name} could not be connected: {error}") from error
    return servers


def _start(
    settings: StackSettings,
    started: ExitStack,
    state_dir: Path,
    name: str,
    number: int,
    kept: Mapping[str, str],
) -> CellServer:
    log = state_dir / "logs" / f"postgres-{name}.log"
    server = embedded_postgres(
        state_dir / name, durable=settings.durable, log=log, settings=REPLICATING
    )
    instance = started.enter_context(server)
    try:
        migrate(instance.admin_url, settings.migrations, "viewers" if number else "catalogue")
        urls = prepare_roles(instance.admin_url, kept)
    except psycopg.Error as error:
        raise StackError(f"The database could not be prepared: {error}") from error
    return CellServer(number, instance, urls)


def _connect(catalogue: CellServer, cell: CellServer) -> None:
    one, other = open_server(catalogue.instance.admin_url), open_server(cell.instance.admin_url)
    with one.connection, other.connection:
        connect(one, other, cell.number, lambda _: None)
