"""An upgrade of the schema in which one server is a version behind the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, LiteralString
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.integration.cells.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cells.conftest import World

# Changes that a release may make: they add, and what is there can be written without them.
ADDED: dict[str, LiteralString] = {
    "posts": "ALTER TABLE posts ADD COLUMN IF NOT EXISTS added text NOT NULL DEFAULT 'as before'",
    "engagement_queue": (
        "ALTER TABLE engagement_queue ADD COLUMN IF NOT EXISTS added integer NOT NULL DEFAULT 0"
    ),
}
TAKEN_BACK: dict[str, LiteralString] = {
    "posts": "ALTER TABLE posts DROP COLUMN IF EXISTS added",
    "engagement_queue": "ALTER TABLE engagement_queue DROP COLUMN IF EXISTS added",
}
RECORD: LiteralString = "SELECT outcome FROM record_impressions(%s, %s, %s)"


@pytest.fixture
def upgraded(world: World) -> Iterator[World]:
    yield world
    # What publishes goes back first, so that nothing is sent that the other side lacks.
    for node in world.nodes:
        node.run(TAKEN_BACK["posts"])
    for node in reversed(world.nodes):
        node.run(TAKEN_BACK["engagement_queue"])
    world.settle()


def test_cells_that_are_ahead_for_posts_get_them_from_a_catalogue_that_is_behind(
    upgraded: World,
) -> None:
    for cell in upgraded.cells.values():
        cell.run(ADDED["posts"])
    post = upgraded.post()
    upgraded.settle()
    for cell in upgraded.cells.values():
        assert cell.one("SELECT added FROM posts WHERE id = %s", post) == "as before"
    upgraded.catalogue.run(ADDED["posts"])
    upgraded.catalogue.run("UPDATE posts SET added = 'new' WHERE id = %s", post)
    upgraded.settle()
    for cell in upgraded.cells.values():
        assert cell.one("SELECT added FROM posts WHERE id = %s", post) == "new"


def test_a_catalogue_that_is_ahead_for_events_gets_them_from_cells_that_are_behind(
    upgraded: World,
) -> None:
    upgraded.catalogue.run(ADDED["engagement_queue"])
    post = upgraded.post()
    upgraded.settle()
    viewer = uuid4()
    batch = [{"event_id": str(uuid4()), "post_id": str(post)}]
    upgraded.cells[1].as_viewer(viewer, RECORD, viewer, uuid4(), Jsonb(batch))
    upgraded.settle_events()
    upgraded.catalogue.upkeep()
    shown = "SELECT impressions FROM post_stats WHERE post_id = %s"
    assert upgraded.catalogue.one(shown, post) == 1


def test_a_cell_that_is_behind_serves_on_and_catches_up_when_it_is_upgraded(
    upgraded: World,
) -> None:
    """The wrong order loses nothing: the catalogue keeps what the cell cannot take yet."""
    earlier = upgraded.post()
    upgraded.settle()
    upgraded.catalogue.run(ADDED["posts"])
    later = upgraded.post()
    cell = upgraded.cells[1]
    failures = (
        "SELECT sum(apply_error_count + sync_error_count) > 0 FROM pg_stat_subscription_stats"
    )
    eventually(partial(cell.one, failures))
    viewer = uuid4()
    page = "SELECT post_id FROM get_personalized_feed(%s, 12, NULL)"
    shown = {row["post_id"] for row in cell.run(page, viewer)}
    assert earlier in shown
    assert later not in shown
    for each in upgraded.cells.values():
        each.run(ADDED["posts"])
    upgraded.settle()
    assert later in {row["post_id"] for row in cell.run(page, viewer)}
