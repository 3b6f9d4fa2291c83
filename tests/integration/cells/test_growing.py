"""A server that did everything gets a cell, keeps its viewers, and hands one over."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local.migrate import migrate, with_user
from ops.cells.connecting import connect, disconnect
from ops.cells.servers import CellsError, Server, open_server
from ops.move import move
from tests.integration.cells.conftest import PASSWORDS, Node, World, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = 9
RECORD: LiteralString = "SELECT outcome FROM record_impressions(%s, %s, %s)"


class Beside(Node):
    """A database of its own on a server that has another one."""

    @property
    def url(self) -> str:
        return urlunsplit(urlsplit(self.server.admin_url)._replace(path="/grown"))


def beside(node: Node, kind: str) -> Beside:
    node.run("CREATE DATABASE grown")
    made = Beside(node.server)
    migrate(made.url, kind=kind)
    made.app_url = with_user(made.url, "vroom_app", PASSWORDS["vroom_app"])
    return made


@pytest.fixture
def grown(servers: World) -> Iterator[World]:
    """A server of kind `both` and one that is to be its cell, not connected yet."""
    world = World(beside(servers.catalogue, "both"), {NUMBER: beside(servers.cells[1], "viewers")})
    try:
        yield world
    finally:
        for node in world.nodes:
            node.close()


def see(node: Node, viewer: UUID, *posts: UUID) -> None:
    batch = [{"event_id": str(uuid4()), "post_id": str(post)} for post in posts]
    rows = node.as_viewer(viewer, RECORD, viewer, uuid4(), Jsonb(batch))
    assert {row["outcome"] for row in rows} == {"accepted"}


def opened(world: World) -> tuple[Server, Server]:
    return open_server(world.catalogue.url), open_server(world.cells[NUMBER].url)


def test_a_server_that_does_everything_grows_a_cell(grown: World) -> None:
    both, cell = grown.catalogue, grown.cells[NUMBER]
    viewer, stays, creator = uuid4(), uuid4(), uuid4()
    posts = [grown.post(creator) for _ in range(3)]
    for who in (viewer, stays):
        see(both, who, posts[0])
        both.as_viewer(who, "INSERT INTO follows VALUES (%s, %s) RETURNING 1", who, creator)
    catalogue, other = opened(grown)
    with catalogue.connection, other.connection:
        connect(catalogue, other, NUMBER, lambda _: None)
        move(catalogue, catalogue, other, viewer, lambda _: None)
        grown.settle()
        see(cell, viewer, posts[0], posts[1])
        see(both, stays, posts[1])
        grown.settle_events()
        both.upkeep()
        counted: LiteralString = "SELECT sum(impressions) FROM post_stats WHERE post_id = ANY(%s)"
        assert both.one(counted, posts) == 4
        (answer,) = both.as_viewer(creator, "SELECT complete FROM erase_viewer(%s, true)", creator)
        assert answer["complete"]
        eventually(lambda: not cell.one("SELECT count(*) FROM posts"))
        names: LiteralString = "SELECT count(*) FROM follows WHERE creator_id = %s"
        assert both.one(names, creator) == 0
        eventually(lambda: cell.has_sent_all() and not cell.one(names, creator))

        disconnect(catalogue, other, NUMBER, lambda _: None)
        for node in grown.nodes:
            with psycopg.connect(node.url) as owner:
                left = owner.execute(
                    "SELECT (SELECT count(*) FROM pg_replication_slots"
                    "        WHERE database = current_database()),"
                    " (SELECT count(*) FROM pg_subscription s JOIN pg_database d"
                    "  ON d.oid = s.subdbid WHERE d.datname = current_database())"
                ).fetchone()
            assert left == (0, 0)
        cell.run("INSERT INTO feature_flags (name) VALUES ('own')")
        with pytest.raises(CellsError, match="rows of its own"):
            connect(catalogue, other, NUMBER, lambda _: None)
