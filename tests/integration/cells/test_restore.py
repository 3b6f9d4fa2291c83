"""One of several servers comes back from a base backup, and the others are ahead of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from local.services.pgwheel import BINARIES, pgexec
from ops.cells.connecting import connect
from ops.cells.resyncing import resync
from ops.cells.servers import CellsError, open_server
from tests.integration.cells.conftest import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cells.conftest import Node, World

RECORD: LiteralString = "SELECT outcome FROM record_impressions(%s, %s, %s)"
SHOWN: LiteralString = "SELECT impressions::integer FROM post_stats WHERE post_id = %s"
QUEUED: LiteralString = "SELECT count(*)::integer FROM engagement_queue WHERE post_id = %s"
VISIBLE: LiteralString = "SELECT visibility FROM posts WHERE id = %s"


@dataclass(frozen=True)
class Backup:
    """A base backup of a server, as pg_basebackup makes it: without the slots of the server."""

    node: Node
    folder: Path

    @classmethod
    def take(cls, node: Node) -> Backup:
        server = node.server
        folder = server.data_dir.with_name(f"{server.data_dir.name}.backup")
        shutil.rmtree(folder, ignore_errors=True)
        given = conninfo_to_dict(server.admin_url)
        pgexec(
            "pg_basebackup",
            [
                *("-D", str(folder), "-h", str(given["host"]), "-p", str(given["port"])),
                *("-U", str(given["user"]), "--checkpoint=fast", "--no-sync"),
            ],
            BINARIES,
            env={"PGPASSWORD": str(given["password"]), "LC_ALL": "C"},
        )
        return cls(node, folder)

    def restore(self) -> None:
        """Let the server be lost, and start it anew from the backup."""
        server = self.node.server
        self.node.close()
        server.kill()
        owner = server.data_dir.owner()
        shutil.rmtree(server.data_dir)
        self.folder.rename(server.data_dir)
        for path in (server.data_dir, *server.data_dir.rglob("*")):
            shutil.chown(path, owner, owner)
        server.start()


def see(cell: Node, post: UUID, viewers: int = 1) -> None:
    for _ in range(viewers):
        viewer = uuid4()
        batch = [{"event_id": str(uuid4()), "post_id": str(post)}]
        (row,) = cell.as_viewer(viewer, RECORD, viewer, uuid4(), Jsonb(batch))
        assert row["outcome"] == "accepted"


def count(world: World) -> None:
    world.settle_events()
    world.catalogue.upkeep()


def reconnect(world: World, number: int) -> list[str]:
    told: list[str] = []
    catalogue, cell = open_server(world.catalogue.url), open_server(world.cells[number].url)
    with catalogue.connection, cell.connection:
        with pytest.raises(CellsError, match=r"slot .* is gone.*RESTORED=1"):
            connect(catalogue, cell, number, told.append)
        resync(catalogue, cell, number, told.append)
    return told


def test_a_cell_that_comes_back_from_a_backup_sends_nothing_twice(mortal: World) -> None:
    cell, other = mortal.cells[1], mortal.cells[2]
    post, removed = mortal.post(), mortal.post()
    mortal.settle()
    see(cell, post, 3)
    count(mortal)
    eventually(cell.has_sent_all)
    see(cell, post, 2)  # these are in the queue of the backup, and the catalogue gets them later
    backup = Backup.take(cell)
    assert cell.one(QUEUED, post) == 2
    count(mortal)
    assert mortal.catalogue.one(SHOWN, post) == 5
    see(cell, post, 4)  # these are counted, and the backup knows nothing of them
    count(mortal)
    later = mortal.post()
    mortal.catalogue.run("UPDATE posts SET visibility = 'removed' WHERE id = %s", removed)
    mortal.settle()

    backup.restore()
    assert cell.one(QUEUED, post) == 2
    see(other, post)  # the other cell goes on meanwhile
    reconnect(mortal, 1)
    assert cell.one(QUEUED, post) == 0
    mortal.settle()
    assert [cell.one(VISIBLE, each) for each in (later, removed)] == ["public", "removed"]
    count(mortal)
    assert mortal.catalogue.one(SHOWN, post) == 10
    see(cell, post, 2)
    count(mortal)
    assert mortal.catalogue.one(SHOWN, post) == 12
    eventually(cell.has_sent_all)
    count(mortal)
    assert mortal.catalogue.one(SHOWN, post) == 12


def test_a_restored_cell_numbers_no_event_as_one_that_waits_at_the_catalogue(mortal: World) -> None:
    cell, post = mortal.cells[1], mortal.post()
    mortal.settle()
    backup = Backup.take(cell)
    see(cell, post, 5)
    mortal.settle_events()
    assert mortal.catalogue.one(QUEUED, post) == 5
    backup.restore()
    reconnect(mortal, 1)
    see(cell, post, 5)
    mortal.settle_events()
    assert mortal.catalogue.one(QUEUED, post) == 10
    count(mortal)
    assert mortal.catalogue.one(SHOWN, post) == 10


def test_a_catalogue_that_comes_back_from_a_backup_follows_its_cells_again(mortal: World) -> None:
    post = mortal.post()
    mortal.settle()
    for cell in mortal.cells.values():
        see(cell, post)
    count(mortal)
    for cell in mortal.cells.values():
        eventually(cell.has_sent_all)
    backup = Backup.take(mortal.catalogue)
    lost = mortal.post()
    mortal.settle()
    known = mortal.cells[1].one("SELECT post_no FROM posts WHERE id = %s", lost)
    gone = uuid4()
    mortal.cells[1].run(
        "INSERT INTO vroom_private.viewers_gone (user_id, to_cell) VALUES (%s, 2)", gone
    )
    for cell in mortal.cells.values():
        see(cell, post, 2)
        assert cell.one(QUEUED, post) >= 2
    mortal.settle_events()

    backup.restore()
    for number, cell in mortal.cells.items():
        assert cell.one(VISIBLE, lost) == "public"
        reconnect(mortal, number)
        assert cell.one(VISIBLE, lost) is None
    # What the lost server had got, and the cells still had, is counted by the new one.
    count(mortal)
    assert mortal.catalogue.one(SHOWN, post) == 2 + 2 * 2
    to_cell: LiteralString = "SELECT cell_no FROM vroom_private.viewer_cells WHERE user_id = %s"
    assert mortal.catalogue.one(to_cell, gone) == 2
    # A viewer who saw the lost post has not seen one that has its number.
    later = mortal.post()
    mortal.settle()
    for cell in mortal.cells.values():
        assert cell.one("SELECT post_no FROM posts WHERE id = %s", later) > known
        see(cell, later)
        eventually(cell.has_sent_all)
    count(mortal)
    assert mortal.catalogue.one(SHOWN, later) == 2
