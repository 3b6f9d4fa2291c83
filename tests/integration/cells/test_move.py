"""A viewer moves from one cell to another: nothing is lost, repeated or counted twice."""

from __future__ import annotations

from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import SerializationFailure
from psycopg.types.json import Jsonb

from ops.cells.servers import CellsError, open_server
from ops.cells.shares import shares_of
from ops.move import move
from tests.integration.cells.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.cells.conftest import Node, World

RECORD: LiteralString = "SELECT outcome FROM record_impressions(%s, %s, %s)"
NEXT: LiteralString = "SELECT post_id FROM feed_candidates(%s, %s, 100, 5) WHERE rung <> 'seen'"
STEPS = 5


class KilledError(Exception):
    """The run ended here."""


def see(cell: Node, viewer: UUID, posts: list[UUID]) -> None:
    batch = [{"event_id": str(uuid4()), "post_id": str(post)} for post in posts]
    rows = cell.as_viewer(viewer, RECORD, viewer, uuid4(), Jsonb(batch))
    assert {row["outcome"] for row in rows} == {"accepted"}


def hide(cell: Node, viewer: UUID, creator: UUID) -> int:
    (row,) = cell.as_viewer(
        viewer,
        "SELECT revision FROM give_feedback(%s, 'hide_creator', NULL, %s, false)",
        viewer,
        creator,
    )
    return int(row["revision"])


def unseen(cell: Node, viewer: UUID) -> set[UUID]:
    return {row["post_id"] for row in cell.as_viewer(viewer, NEXT, viewer, uuid4())}


def run(
    world: World, viewer: UUID, tell: Callable[[str], None], way: tuple[int, int] = (1, 2)
) -> None:
    urls = (world.catalogue.url, world.cells[way[0]].url, world.cells[way[1]].url)
    catalogue, source, target = map(open_server, urls)
    with catalogue.connection, source.connection, target.connection:
        move(catalogue, source, target, viewer, tell)


def kept(cell: Node, viewer: UUID) -> dict[str, list[str]]:
    """All rows of a viewer, by table."""
    server = open_server(cell.url)
    with server.connection as owner:
        found = {
            s.table: sorted(map(str, owner.execute(s.rows))) for s in shares_of(server, viewer)
        }
    return {name: rows for name, rows in found.items() if rows}


def lived(world: World, cell: Node) -> tuple[UUID, list[UUID], int]:
    """A viewer who saw half of the posts, and hid the creator of one."""
    viewer, creator = uuid4(), uuid4()
    posts = [world.post(creator if n == 5 else None) for n in range(6)]
    world.settle()
    see(cell, viewer, posts[:3])
    cell.as_viewer(viewer, "INSERT INTO follows VALUES (%s, %s) RETURNING 1", viewer, uuid4())
    return viewer, posts, hide(cell, viewer, creator)


@pytest.mark.parametrize("killed_after", range(STEPS))
def test_a_move_that_is_killed_at_any_step_goes_on_and_loses_nothing(
    world: World, killed_after: int
) -> None:
    first, second = world.cells[1], world.cells[2]
    viewer, posts, revision = lived(world, first)
    before = kept(first, viewer)
    told: list[str] = []

    def kill(line: str) -> None:
        told.append(line)
        if len(told) > killed_after:
            raise KilledError

    with pytest.raises(KilledError):
        run(world, viewer, kill)
    if killed_after >= 1:
        with pytest.raises(SerializationFailure, match="another cell"):
            see(first, viewer, posts[3:4])
        with pytest.raises(SerializationFailure, match="another cell"):
            first.as_viewer(viewer, "DELETE FROM follows RETURNING 1")
    run(world, viewer, told.append)
    again: list[str] = []
    run(world, viewer, again.append)
    assert again == []
    assert kept(second, viewer) == before
    assert kept(first, viewer) == {}
    assert unseen(second, viewer) & set(posts) == set(posts[3:5])
    assert (
        hide(
            second,
            viewer,
            world.catalogue.one("SELECT creator_id FROM posts WHERE id = %s", posts[0]),
        )
        > revision
    )
    for cell in world.cells.values():
        world.settle()
        (where,) = cell.run("SELECT * FROM viewer_cell(%s)", viewer)
        assert where == {"cell_no": 2, "moving": False}


def test_a_moved_viewer_counts_once_and_can_move_back(world: World) -> None:
    first, second = world.cells[1], world.cells[2]
    viewer, posts, _ = lived(world, first)
    counted = partial(
        world.catalogue.one,
        "SELECT sum(impressions) FROM post_stats WHERE post_id = ANY(%s)",
        posts,
    )
    run(world, viewer, lambda _: None)
    see(second, viewer, posts[2:4])  # one of them for the second time
    run(world, viewer, lambda _: None, (2, 1))
    see(first, viewer, posts[3:4])
    world.settle_events()
    world.catalogue.upkeep()
    assert counted() == 4
    assert unseen(first, viewer) & set(posts) == {posts[4]}
    eventually(first.has_sent_all)
    eventually(second.has_sent_all)
    assert counted() == 4


def test_an_erased_creator_does_not_come_back_with_a_viewer_who_is_moved(world: World) -> None:
    first, second = world.cells[1], world.cells[2]
    viewer, creator = uuid4(), uuid4()
    first.as_viewer(viewer, "INSERT INTO follows VALUES (%s, %s) RETURNING 1", viewer, creator)
    hidden = uuid4()
    world.post(hidden)
    world.settle()
    hide(first, viewer, hidden)
    world.catalogue.run(
        "INSERT INTO vroom_private.erased_creators (creator_id) VALUES (%s)", creator
    )
    world.settle()
    # The cell to which the viewer goes forgets the creator before, and the other one after that.
    second.upkeep()
    run(world, viewer, lambda _: None)
    for cell in (first, second):
        cell.upkeep()
        assert cell.one("SELECT count(*) FROM follows WHERE creator_id = %s", creator) == 0
    assert second.one("SELECT count(*) FROM feedback WHERE user_id = %s", viewer) == 1


def test_a_transaction_that_was_begun_before_is_waited_for_and_moved(world: World) -> None:
    first, second = world.cells[1], world.cells[2]
    viewer, posts, _ = lived(world, first)
    with psycopg.connect(first.app_url) as late:
        late.execute(
            "SELECT set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{viewer}"}}']
        )
        batch = Jsonb([{"event_id": str(uuid4()), "post_id": str(posts[4])}])
        late.execute(RECORD, [viewer, uuid4(), batch])

        moving = Thread(target=run, args=(world, viewer, lambda _: None))
        moving.start()
        closed: LiteralString = "SELECT true FROM vroom_private.viewers_gone WHERE user_id = %s"
        eventually(partial(first.one, closed, viewer))
        assert moving.is_alive()
        late.commit()
    moving.join()
    assert unseen(second, viewer) & set(posts) == {posts[3]}


def test_what_does_not_fit_is_refused(world: World) -> None:
    viewer = uuid4()
    with pytest.raises(CellsError, match="both cell 1"):
        run(world, viewer, print, (1, 1))
    run(world, viewer, lambda _: None)
    world.catalogue.run(
        "UPDATE vroom_private.viewer_cells SET moving_to = 7 WHERE user_id = %s", viewer
    )
    with pytest.raises(CellsError, match="being moved to cell 7"):
        run(world, viewer, print)
    other, posts, _ = lived(world, world.cells[2])
    with pytest.raises(CellsError, match="rows are in cell 2"):
        run(world, other, print)
    assert unseen(world.cells[2], other) & set(posts) == set(posts[3:5])
    with pytest.raises(SerializationFailure):
        world.cells[1].as_viewer(viewer, NEXT, viewer, uuid4())
    assert world.cells[1].one("SELECT count(*) FROM vroom_private.viewers_gone") > 0
    nobody = uuid4()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.cells[1].as_viewer(nobody, NEXT, viewer, uuid4())
