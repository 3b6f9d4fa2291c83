"""A catalogue and two cells: three servers of their own, connected as operators connect them."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from local.migrate import migrate, prepare_roles
from local.services.postgres import REPLICATING, PostgresInstance, embedded_postgres
from ops.cells.connecting import connect
from ops.cells.servers import open_server
from tests.versions.servers import given_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")
CELLS = (1, 2)
PASSWORDS = {"vroom_app": "local-app", "vroom_webhook": "local-webhook"}
PATIENCE_S = 120  # for a machine that hangs; a busy one takes some seconds


def eventually(ask: Callable[[], T], wanted: Callable[[T], bool] = bool) -> T:
    """Ask until the answer is the wanted one, and return it. Replication takes a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while not wanted(answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r}"
        time.sleep(0.005)
    return answer


@dataclass
class Node:
    """One server, as its owner and as the feed's functions."""

    server: PostgresInstance
    app_url: str = ""
    _owner: psycopg.Connection[dict[str, Any]] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return self.server.admin_url

    def run(self, query: LiteralString, *parameters: object) -> list[dict[str, Any]]:
        """Run a statement as the owner of the schema."""
        if self._owner is None or self._owner.broken or self._owner.closed:
            self._owner = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
        done = self._owner.execute(query, parameters)
        return done.fetchall() if done.description else []

    def one(self, query: LiteralString, *parameters: object) -> Any:  # noqa: ANN401  (any value of SQL)
        rows = self.run(query, *parameters)
        return next(iter(rows[0].values())) if rows else None

    def close(self) -> None:
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def as_viewer(self, viewer: UUID, query: LiteralString, *parameters: object) -> list[Any]:
        """Run a statement as the feed's functions do for a viewer."""
        with (
            psycopg.connect(self.app_url, row_factory=dict_row) as connection,
            connection.transaction(),
        ):
            connection.execute(
                "SELECT set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{viewer}"}}']
            )
            return connection.execute(query, parameters).fetchall()

    def has_sent_all(self) -> bool:
        """Run the upkeep of a cell, and tell whether its queue is empty."""
        self.upkeep()
        return bool(self.one("SELECT count(*) = 0 FROM engagement_queue"))

    def upkeep(self) -> dict[str, Any]:
        """Run what the functions' schedule runs, as they do."""
        with psycopg.connect(self.app_url, row_factory=dict_row, autocommit=True) as connection:
            connection.execute("SELECT begin_upkeep(10000)")
            (done,) = connection.execute("SELECT * FROM count_events(10000)").fetchall()
            connection.execute("SELECT * FROM prune(500)")
        return done


@dataclass
class World:
    """The catalogue and its cells."""

    catalogue: Node
    cells: dict[int, Node]

    @property
    def nodes(self) -> list[Node]:
        return [self.catalogue, *self.cells.values()]

    def post(self, creator: UUID | None = None, **columns: object) -> UUID:
        """Publish a post at the catalogue."""
        post = uuid4()
        given = {"tags": ["cats"], "caption": "a cat", "created_at": None} | columns
        self.catalogue.run(
            "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, mux_duration_ms,"
            " tags, caption) VALUES (%s, %s, true, 'p', 10000, %s, %s)",
            post,
            creator or uuid4(),
            given["tags"],
            given["caption"],
        )
        return post

    def settle(self) -> None:
        """Wait until every cell has what the catalogue has written up to now."""
        mark = uuid4().hex
        self.catalogue.run("INSERT INTO feature_flags (name) VALUES (%s)", mark)
        for cell in self.cells.values():
            eventually(partial(cell.one, "SELECT true FROM feature_flags WHERE name = %s", mark))
        self.catalogue.run("DELETE FROM feature_flags WHERE name = %s", mark)

    def settle_events(self) -> None:
        """Wait until the catalogue has what the cells have written up to now."""
        for number, cell in self.cells.items():
            # A commit of its own is soon in the log. The place where the log ends now may be behind
            # the head of a page on which nothing is written for many seconds.
            lsn = cell.one("SELECT pg_logical_emit_message(true, 'tests', '')::text")
            eventually(
                partial(
                    cell.one,
                    "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots"
                    " WHERE slot_name = 'vroom_from_cell_' || %s",
                    lsn,
                    number,
                )
            )


@contextmanager
def new_world(folder: Path, settings: Mapping[str, str] = REPLICATING) -> Iterator[World]:
    """Run three migrated servers, which are not connected yet."""
    with ExitStack() as stack:

        def node(name: str, kind: str) -> Node:
            server = stack.enter_context(
                embedded_postgres(
                    folder / name, durable=False, settings=settings, binaries=given_binaries()
                )
            )
            migrate(server.admin_url, kind=kind)
            made = Node(server, prepare_roles(server.admin_url, PASSWORDS)["vroom_app"])
            stack.callback(made.close)
            return made

        yield World(node("catalogue", "catalogue"), {n: node(f"cell{n}", "viewers") for n in CELLS})


@pytest.fixture(scope="session")
def servers(scratch: Path) -> Iterator[World]:
    """Three migrated servers, not connected yet."""
    with new_world(scratch) as world:
        yield world


@pytest.fixture(scope="module")
def mortal(scratch: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Three connected servers of one module, which lose nothing that was committed in a crash."""
    folder = scratch / request.module.__name__.rpartition(".")[2]
    # What a process has written survives it. Only a commit that was not written would be lost.
    with new_world(folder, {**REPLICATING, "synchronous_commit": "on"}) as world:
        connect_all(world)
        yield world


@pytest.fixture(scope="session")
def world(servers: World) -> World:
    """The same, connected."""
    connect_all(servers)
    return servers


def connect_all(world: World) -> list[str]:
    """Connect every cell, and return what was done."""
    told: list[str] = []
    for number, cell in world.cells.items():
        catalogue, other = open_server(world.catalogue.url), open_server(cell.url)
        with catalogue.connection, other.connection:
            connect(catalogue, other, number, told.append)
    return told
