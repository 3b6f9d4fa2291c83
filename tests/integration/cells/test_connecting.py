"""A catalogue and its cells: kinds of servers, connections, events back, erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local.errors import StackError
from local.migrate import migrate
from ops.cells.connecting import connect
from ops.cells.servers import CellsError, open_server
from tests.integration.cells.conftest import connect_all, eventually

if TYPE_CHECKING:
    from tests.integration.cells.conftest import Node, World

RECORD: LiteralString = "SELECT outcome FROM record_impressions(%s, %s, %s)"
WATCH: LiteralString = "SELECT outcome FROM record_watches(%s, %s, now())"


def see(cell: Node, viewer: UUID, *posts: UUID) -> None:
    """Report that a viewer saw posts."""
    batch = [{"event_id": str(uuid4()), "post_id": str(post)} for post in posts]
    rows = cell.as_viewer(viewer, RECORD, viewer, uuid4(), Jsonb(batch))
    assert {row["outcome"] for row in rows} == {"accepted"}


def watch(cell: Node, viewer: UUID, post: UUID) -> None:
    """Report that a viewer watched a post to its end."""
    event = {
        "event_id": str(uuid4()),
        "post_id": str(post),
        "play_ms": 10_000,
        "duration_ms": 10_000,
    }
    rows = cell.as_viewer(viewer, WATCH, viewer, Jsonb([event]))
    assert [row["outcome"] for row in rows] == ["accepted"]


def figures(node: Node, post: UUID) -> tuple[int, int]:
    row = node.run("SELECT impressions, plays FROM post_stats WHERE post_id = %s", post)
    return (row[0]["impressions"], row[0]["plays"]) if row else (-1, -1)


def test_connecting_again_does_nothing(world: World) -> None:
    assert connect_all(world) == []


@pytest.mark.parametrize("kind", ["both", "viewers"])
def test_a_server_refuses_another_kind_by_name(servers: World, kind: str) -> None:
    with pytest.raises(StackError, match=rf"kind catalogue, and KIND={kind}"):
        migrate(servers.catalogue.url, kind=kind)
    assert migrate(servers.catalogue.url) == []


def test_a_catalogue_s_file_refuses_on_a_cell_under_psql_too(servers: World) -> None:
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="kind viewers"):
        servers.cells[1].run("SELECT vroom_private.assert_kind('catalogue')")


@pytest.mark.parametrize(
    "call",
    [
        "SELECT roll_up(10)",
        "SELECT set_hot_half_life('1 hour')",
        "SELECT set_heat_mix(NULL, true)",
        "SELECT set_heat_mix(NULL, NULL, 0.5)",
    ],
)
def test_what_belongs_to_the_catalogue_refuses_on_a_cell(
    servers: World, call: LiteralString
) -> None:
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="kind viewers"):
        servers.cells[1].run(call)


def test_servers_that_do_not_fit_are_refused_by_name(world: World) -> None:
    catalogue, cell = open_server(world.catalogue.url), open_server(world.cells[1].url)
    with catalogue.connection, cell.connection:
        for one, other, number, why in (
            (cell, catalogue, 1, "CATALOGUE is a server of kind viewers"),
            (catalogue, catalogue, 1, "CELL is a server of kind catalogue"),
            (catalogue, cell, 7, "CELL is cell 1"),
            (catalogue, cell, 1000, "not from 1 to 999"),
        ):
            with pytest.raises(CellsError, match=why):
                connect(one, other, number, print)


def test_the_replicating_roles_read_what_is_published_and_no_more(world: World) -> None:
    readable: LiteralString = """
      SELECT c.oid::regclass::text AS name FROM pg_class c
      WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('public', 'vroom_private')
        AND has_table_privilege(%s, c.oid, 'SELECT') ORDER BY 1
    """
    writable: LiteralString = """
      SELECT c.oid::regclass::text AS name FROM pg_class c
      WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('public', 'vroom_private')
        AND has_table_privilege(%s, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    """
    for node, role, kind in (
        (world.catalogue, "vroom_cell_1", "catalogue"),
        (world.cells[1], "vroom_catalogue_1", "viewers"),
    ):
        published = node.one("SELECT vroom_private.published_tables(%s)", kind)
        names = {str(row["name"]) for row in node.run(readable, role)}
        assert names == {name.removeprefix("public.") for name in published}
        assert node.run(writable, role) == []
        (rights,) = node.run("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", role)
        assert not any(rights.values())


def test_every_table_that_triggers_on_posts_write_is_published(world: World) -> None:
    published = {
        name.removeprefix("public.")
        for name in world.catalogue.one("SELECT vroom_private.published_tables('catalogue')")
    }
    read_by_cells = set(
        world.cells[1].one(
            "SELECT array_agg(c.relname) FROM pg_class c WHERE c.relkind = 'r'"
            " AND c.relnamespace = 'public'::regnamespace"
        )
    ) & set(
        world.catalogue.one(
            "SELECT array_agg(c.relname) FROM pg_class c WHERE c.relkind = 'r'"
            " AND c.relnamespace = 'public'::regnamespace"
        )
    )
    own = {"engagement_queue", "upkeep_locks", "upkeep_places", "vroom_migrations"}
    assert read_by_cells - own == {name for name in published if "." not in name}


def test_a_post_reaches_every_cell_with_all_that_retrieval_reads(world: World) -> None:
    post, viewer = world.post(tags=["dogs"]), uuid4()
    world.settle()
    for cell in world.cells.values():
        found = cell.as_viewer(
            viewer, "SELECT post_id FROM feed_candidates(%s, %s, 500, 12)", viewer, uuid4()
        )
        assert post in {row["post_id"] for row in found}
        assert cell.one("SELECT tag FROM post_tags WHERE post_id = %s", post) == "dogs"


def test_a_scheduled_post_appears_in_a_cell_when_its_time_has_come(world: World) -> None:
    post, viewer = uuid4(), uuid4()
    world.catalogue.run(
        "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, created_at)"
        " VALUES (%s, %s, true, 'p', clock_timestamp() + interval '1 second')",
        post,
        uuid4(),
    )
    world.settle()
    asked: LiteralString = "SELECT post_id FROM feed_candidates(%s, %s, 500, 12)"
    eventually(
        lambda: (
            post in {r["post_id"] for r in world.cells[2].as_viewer(viewer, asked, viewer, uuid4())}
        )
    )


def test_events_of_all_cells_are_counted_once_and_go_only_when_they_have_arrived(
    world: World,
) -> None:
    post = world.post()
    world.settle()
    viewers = {number: [uuid4() for _ in range(5)] for number in world.cells}
    for number, cell in world.cells.items():
        for viewer in viewers[number]:
            see(cell, viewer, post)
            watch(cell, viewer, post)
        assert cell.one("SELECT count(*) FROM engagement_queue WHERE post_id = %s", post) == 10
    world.settle_events()
    world.catalogue.upkeep()
    assert figures(world.catalogue, post) == (10, 10)
    world.settle()
    for cell in world.cells.values():
        assert figures(cell, post) == (10, 10)
        eventually(cell.has_sent_all)
    world.settle_events()
    world.catalogue.upkeep()
    assert figures(world.catalogue, post) == (10, 10)


def test_a_cell_keeps_its_events_while_the_catalogue_is_gone(world: World) -> None:
    post, viewer, cell = world.post(), uuid4(), world.cells[1]
    world.settle()
    world.catalogue.close()
    world.catalogue.server.stop()
    try:
        see(cell, viewer, post)
        for _ in range(3):
            assert cell.upkeep()["events"] == 0
        assert cell.one("SELECT count(*) FROM engagement_queue WHERE post_id = %s", post) == 1
        assert cell.one("SELECT unsent_s FROM cell_lag()") > 0
    finally:
        world.catalogue.server.start()
    world.settle_events()
    world.catalogue.upkeep()
    assert figures(world.catalogue, post) == (1, 0)
    eventually(cell.has_sent_all)


def test_an_event_of_a_transaction_that_ends_late_is_not_removed_before_it_is_sent(
    world: World,
) -> None:
    post, cell = world.post(), world.cells[1]
    world.settle()
    with psycopg.connect(cell.url) as late:
        late.execute(
            "INSERT INTO engagement_queue (post_id, creator_id, impressions)"
            " SELECT id, creator_id, 1 FROM posts WHERE id = %s",
            [post],
        )
        see(cell, uuid4(), post)  # a higher number, and earlier
        for _ in range(3):
            world.settle_events()
            cell.upkeep()
        late.commit()
    assert cell.one("SELECT count(*) FROM engagement_queue WHERE post_id = %s", post) >= 1
    world.settle_events()
    world.catalogue.upkeep()
    assert figures(world.catalogue, post) == (2, 0)


def test_the_numbers_of_two_servers_rows_never_meet(world: World) -> None:
    post = world.post()
    world.settle()
    for cell in world.cells.values():
        see(cell, uuid4(), post)
    for number, node in {0: world.catalogue, **world.cells}.items():
        node.run(
            "INSERT INTO engagement_queue (post_id, creator_id) VALUES (%s, %s)", post, uuid4()
        )
        last = node.one("SELECT last_value FROM pg_sequences WHERE sequencename ~ 'queue_no'")
        assert last % 1000 == number


def test_the_lag_is_told_by_a_cell_and_by_no_other_server(world: World) -> None:
    world.catalogue.upkeep()
    world.settle()
    for cell in world.cells.values():
        cell.upkeep()
        world.settle_events()
        lag = cell.run("SELECT * FROM cell_lag()")[0]
        assert 0 <= lag["delay_s"] <= lag["age_s"] < 30
        assert lag["unsent_s"] == 0
    nothing = dict.fromkeys(("age_s", "delay_s", "unsent_s"))
    assert world.catalogue.run("SELECT * FROM cell_lag()") == [nothing]


def test_who_is_erased_in_a_cell_loses_posts_at_the_catalogue_and_names_everywhere(
    world: World,
) -> None:
    creator, fan = uuid4(), uuid4()
    post, other = world.post(creator), world.post()
    world.settle()
    first, second = world.cells.values()
    second.as_viewer(fan, "INSERT INTO follows VALUES (%s, %s) RETURNING 1", fan, creator)
    see(first, creator, other)
    erase: LiteralString = "SELECT erased, complete FROM erase_viewer(%s, true)"
    (answer,) = first.as_viewer(creator, erase, creator)
    assert not answer["complete"]
    assert first.one("SELECT count(*) FROM posts WHERE id = %s", post) == 1
    world.settle_events()
    for _ in range(2):
        world.catalogue.upkeep()
    world.settle()
    for cell in world.cells.values():
        cell.upkeep()
        cell.upkeep()
    (answer,) = first.as_viewer(creator, erase, creator)
    assert answer["complete"]
    for node in world.nodes:
        assert node.one("SELECT count(*) FROM posts WHERE id = %s", post) == 0
        assert node.one("SELECT count(*) FROM post_stats WHERE post_id = %s", post) == 0
    assert second.one("SELECT count(*) FROM follows WHERE creator_id = %s", creator) == 0


def test_a_creator_whose_posts_go_in_several_steps_is_forgotten_after_the_last(
    world: World,
) -> None:
    cell, viewer, creator = world.cells[1], uuid4(), uuid4()
    world.catalogue.run(
        "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
        " SELECT %s, true, 'p', 10000 FROM generate_series(1, 201)",
        creator,
    )
    erase: LiteralString = "SELECT vroom_private.erase_posts(%s, 2000)"
    world.catalogue.run(erase, creator)
    world.settle()
    cell.upkeep()
    # The cell has forgotten the creator, and a viewer watches the post that is left.
    last = world.catalogue.one("SELECT id FROM posts WHERE creator_id = %s", creator)
    watch(cell, viewer, last)
    liked: LiteralString = "SELECT count(*) FROM viewer_creator_affinity WHERE creator_id = %s"
    assert cell.one(liked, creator) == 1
    world.catalogue.run(erase, creator)
    world.settle()
    cell.upkeep()
    assert cell.one(liked, creator) == 0


def test_an_export_shows_uploads_and_posts_that_the_catalogue_keeps(world: World) -> None:
    creator = uuid4()
    post = world.post(creator)
    world.catalogue.run(
        "INSERT INTO uploads (post_id, creator_id, size_bytes, cap_ms, resolution_tier, expires_at)"
        " VALUES (%s, %s, 1, 1, '1080p', now())",
        post,
        creator,
    )
    world.settle()
    (row,) = world.cells[1].as_viewer(creator, "SELECT viewer_data(%s, 100000) AS found", creator)
    assert [len(row["found"][name]["rows"]) for name in ("posts", "uploads")] == [1, 1]
