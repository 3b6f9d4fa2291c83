"""Cases that chance rarely makes, each a promise of retrieval."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from tests.conftest import Database
from tests.integration.database.catalogue import (
    AT,
    Post,
    World,
    add_impressions,
    candidates,
    load,
)
from tests.integration.database.clients import Connection, call, operator
from tests.integration.database.reference import check

VIEWER = uuid.uuid4()


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[Connection]:
    with operator(module_database.admin_url) as open_connection:
        yield open_connection


def posts_aged(days: Sequence[float], creator: UUID | None = None) -> list[Post]:
    """Eligible posts, one of each age; the oldest has the lowest number."""
    return [
        Post(
            id=uuid.uuid4(),
            no=number,
            creator=creator or uuid.uuid4(),
            visibility="public",
            ready=True,
            playback="p",
            created_at=AT - timedelta(days=age),
            published_at=None,
        )
        for number, age in enumerate(sorted(days, reverse=True))
    ]


def test_a_sparse_catalogue_below_the_walks_yields_no_post_twice(connection: Connection) -> None:
    # Fewer than 40 posts between one stride of the hot order and the next.
    world = World(VIEWER, uuid.uuid4(), posts_aged([n / 4 for n in range(100)]))
    load(connection, world)
    rows = candidates(connection, world, want=90, page_size=12, walk=20)
    check(world, rows, want=90, page_size=12)


def test_two_impressions_in_one_instant_before_the_cooldown_are_one_unseen_post(
    connection: Connection,
) -> None:
    posts = posts_aged([90 + n for n in range(12)])
    world = World(VIEWER, uuid.uuid4(), posts)
    world.impressions.extend(
        (uuid.uuid4(), post.id, AT - timedelta(days=40)) for post in posts for _ in range(2)
    )
    load(connection, world)
    for walk in (2, 500):
        rows = candidates(connection, world, want=50, page_size=12, walk=walk)
        check(world, rows, want=50, page_size=12)
        assert [row["rung"] for row in rows] == ["trending"] * 12


def test_older_posts_of_followed_creators_come_once_their_newest_are_seen(
    connection: Connection,
) -> None:
    friend = uuid.uuid4()
    followed = posts_aged([100 + n for n in range(40)], friend)
    others = [
        Post(**{**vars(post), "no": post.no + 100})
        for post in posts_aged([8 + n / 40 for n in range(1500)])
    ]
    world = World(VIEWER, uuid.uuid4(), followed + others, follows={friend})
    newest = sorted(followed, key=lambda post: post.since)[-10:]
    world.impressions.extend((uuid.uuid4(), p.id, AT - timedelta(days=1)) for p in newest)
    load(connection, world)
    rows = candidates(connection, world, want=200, page_size=12)
    check(world, rows, want=200, page_size=12)
    found = [row for row in rows if row["rung"] == "following"]
    assert found, "nothing but trending posts, though a followed creator has unseen ones"


def test_fresh_posts_seen_before_a_short_cooldown_are_fresh_again(connection: Connection) -> None:
    posts = posts_aged([n / 20 for n in range(130)])
    world = World(VIEWER, uuid.uuid4(), posts)
    world.impressions.extend((uuid.uuid4(), p.id, AT - timedelta(days=3)) for p in posts[:60])
    load(connection, world)
    rows = connection.execute(
        "SELECT * FROM feed_candidates(%s, NULL, 200, 12, interval '2 days', interval '7 days',"
        " %s, walk => 5)",
        [VIEWER, AT],
    ).fetchall()
    assert {row["post_id"] for row in rows} == {post.id for post in posts}
    assert {row["rung"] for row in rows} == {"fresh"}


def test_a_post_taken_down_is_gone_with_the_commit_and_back_when_it_is_restored(
    connection: Connection,
) -> None:
    posts = posts_aged([1, 2, 3])
    world = World(VIEWER, uuid.uuid4(), posts)
    load(connection, world)
    changes = [
        ("UPDATE posts SET visibility = 'removed' WHERE id = %s", 2),
        ("UPDATE posts SET visibility = 'public' WHERE id = %s", 3),
        ("UPDATE posts SET visibility = 'shadow_ban' WHERE id = %s", 2),
        ("UPDATE posts SET visibility = 'public', mux_ready = false WHERE id = %s", 2),
        ("UPDATE posts SET mux_ready = true, mux_playback_id = '' WHERE id = %s", 2),
        ("UPDATE posts SET mux_playback_id = 'p' WHERE id = %s", 3),
        ("DELETE FROM posts WHERE id = %s", 2),
    ]
    for statement, left in changes:
        connection.execute(statement, [posts[1].id])
        for walk in (1, 500):
            rows = candidates(connection, world, want=24, page_size=12, walk=walk)
            assert len(rows) == left, statement
            assert (posts[1].id in {row["post_id"] for row in rows}) == (left == 3)


def test_feedback_holds_at_once_and_undone_feedback_no_longer(
    connection: Connection, module_database: Database
) -> None:
    posts = posts_aged([1, 2, 3, 40])
    world = World(VIEWER, uuid.uuid4(), posts)
    load(connection, world)
    app = module_database.app_url
    give = "SELECT outcome FROM give_feedback(%s, %s, %s, %s, %s)"
    call(app, VIEWER, give, [VIEWER, "not_interested", posts[0].id, None, False])
    hide = [VIEWER, "hide_creator", None, posts[1].creator]
    call(app, VIEWER, give, [*hide, False])
    call(app, VIEWER, give, [VIEWER, "report", posts[2].id, None, False])
    rows = candidates(connection, world, want=24, page_size=12)
    assert {found["post_id"] for found in rows} == {posts[3].id}
    assert call(app, VIEWER, give, [*hide, True]) == [{"outcome": "undone"}]
    rows = candidates(connection, world, want=24, page_size=12)
    assert {found["post_id"] for found in rows} == {posts[1].id, posts[3].id}


def test_a_viewer_gets_through_the_functions_role_what_an_operator_explains(
    connection: Connection, module_database: Database
) -> None:
    posts = posts_aged([n / 3 for n in range(60)])
    world = World(VIEWER, uuid.uuid4(), posts)
    load(connection, world)
    add_impressions(
        connection, VIEWER, [(post.id, post.id, AT - timedelta(days=1)) for post in posts[20:40]]
    )
    statement = "SELECT * FROM feed_candidates(%s, NULL, 24, 12, at => %s) ORDER BY post_id"
    explained = connection.execute(statement, [VIEWER, AT]).fetchall()
    assert call(module_database.app_url, VIEWER, statement, [VIEWER, AT]) == explained
    assert len(explained) == 40
