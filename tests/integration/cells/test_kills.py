"""Servers that are killed while viewers report: every event is counted, and none twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.cells.conftest import CELLS, eventually

if TYPE_CHECKING:
    from tests.integration.cells.conftest import Node, World

RECORD: LiteralString = "SELECT outcome FROM record_impressions(%s, %s, %s)"
SUM: LiteralString = "SELECT sum(impressions)::integer FROM post_stats WHERE post_id = ANY (%s)"
EACH = 150


def report(cell: Node, post: UUID, halfway: threading.Barrier) -> None:
    """Report impressions one by one, each until it is taken, as a client's outbox does."""
    for nth in range(EACH):
        if nth == EACH // 3:
            halfway.wait()
        viewer = uuid4()
        batch = [{"event_id": str(uuid4()), "post_id": str(post)}]

        def told(viewer: UUID = viewer, batch: list[dict[str, str]] = batch) -> bool:
            try:
                rows = cell.as_viewer(viewer, RECORD, viewer, uuid4(), Jsonb(batch))
            except psycopg.Error:
                return False
            return rows[0]["outcome"] in ("accepted", "duplicate")

        eventually(told)


@pytest.mark.parametrize("victim", [0, *CELLS])
def test_a_server_that_is_killed_loses_and_doubles_nothing(mortal: World, victim: int) -> None:
    posts = [mortal.post() for _ in CELLS]
    mortal.settle()
    node = mortal.cells[victim] if victim else mortal.catalogue
    halfway = threading.Barrier(len(CELLS) + 1)
    ended = threading.Event()

    def count_meanwhile() -> None:
        while not ended.is_set():
            try:
                mortal.catalogue.upkeep()
                for cell in mortal.cells.values():
                    cell.upkeep()
            except psycopg.Error:
                continue

    with ThreadPoolExecutor(len(CELLS) + 1) as pool:
        counting = pool.submit(count_meanwhile)
        reports = [
            pool.submit(report, cell, post, halfway)
            for cell, post in zip(mortal.cells.values(), posts, strict=True)
        ]
        halfway.wait()
        node.close()
        node.server.kill()
        node.server.start()
        for each in reports:
            each.result()
        ended.set()
        counting.result()

    wanted = len(CELLS) * EACH

    def counted() -> int:
        mortal.catalogue.upkeep()
        return int(mortal.catalogue.one(SUM, posts))

    eventually(counted, lambda found: found == wanted)
    for cell in mortal.cells.values():
        eventually(cell.has_sent_all)
    mortal.settle_events()
    assert counted() == wanted
    mortal.settle()
    for cell in mortal.cells.values():
        assert cell.one(SUM, posts) == wanted


def test_what_happens_at_the_catalogue_reaches_a_cell_that_was_killed(mortal: World) -> None:
    post, cell = mortal.post(), mortal.cells[1]
    mortal.settle()
    cell.close()
    cell.server.kill()
    later = mortal.post()
    mortal.catalogue.run("UPDATE posts SET visibility = 'removed' WHERE id = %s", post)
    cell.server.start()
    mortal.settle()
    found: LiteralString = "SELECT visibility FROM posts WHERE id = %s"
    assert [cell.one(found, each) for each in (post, later)] == ["removed", "public"]
    eventually(partial(cell.one, "SELECT true FROM post_stats WHERE post_id = %s", later))
