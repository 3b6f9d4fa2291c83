"""The candidates of a chronological feed: the newest unseen posts, exactly."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Database
from tests.integration.database.catalogue import (
    AT,
    COOLDOWN,
    FRESH,
    HISTORIES,
    PACES,
    World,
    load,
    make_world,
)
from tests.integration.database.clients import Connection, operator
from tests.integration.database.reference import expected
from tests.integration.database.test_candidate_cases import posts_aged


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[Connection]:
    with operator(module_database.admin_url) as open_connection:
        yield open_connection


def newest(
    connection: Connection, world: World, *, want: int, page_size: int, walk: int
) -> list[dict[str, Any]]:
    return connection.execute(
        "SELECT * FROM feed_candidates(%s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s::integer[], %s,"
        " newest => true)",
        [
            *(world.viewer, world.session, want, page_size, COOLDOWN, FRESH, AT),
            [post for post, _ in world.served],
            [place for _, place in world.served],
            walk,
        ],
    ).fetchall()


def check(world: World, rows: list[dict[str, Any]], *, want: int, page_size: int) -> None:
    """Asserts that the rows are the newest unseen posts; where they lack, with seen ones."""
    truth = expected(world)
    since = {post.id: post.since for post in world.posts}
    order = sorted(truth.unseen, key=lambda post: (-since[post].timestamp(), post))
    unseen = [row for row in rows if row["rung"] != "seen"]
    assert {row["post_id"] for row in unseen} == set(order[:want])
    assert {row["post_id"]: row["rung"] for row in unseen}.items() <= truth.unseen.items()
    complete = {row["complete"] for row in rows}
    if len(order) < want:
        assert complete <= {True}
    if complete == {True}:
        assert len(order) <= want
    seen = sorted((row for row in rows if row["rung"] == "seen"), key=lambda row: row["seen_rank"])
    assert len(seen) == (min(page_size, len(truth.seen)) if len(unseen) < page_size else 0)
    places = [(row["in_session"], truth.seen[row["post_id"]][1]) for row in seen]
    assert places == sorted(truth.seen.values())[: len(seen)], "not the longest ago first"


@settings(max_examples=60)
@given(
    size=st.sampled_from([0, 1, 12, 25, 60, 150, 300]),
    history=st.sampled_from(sorted(HISTORIES)),
    pace=st.sampled_from(sorted(PACES)),
    seed=st.integers(0, 2**32),
    want=st.sampled_from([1, 12, 13, 50, 400]),
)
def test_the_candidates_are_what_a_look_at_every_post_finds_the_newest(
    connection: Connection, size: int, history: str, pace: str, seed: int, want: int
) -> None:
    world = make_world(Random(seed), size, history, pace)  # noqa: S311  (no secret)
    load(connection, world)
    for walk in (3, 20, 500):  # short walks end in the blocks
        rows = newest(connection, world, want=want, page_size=min(want, 12), walk=walk)
        check(world, rows, want=want, page_size=min(want, 12))


def test_posts_published_out_of_their_numbers_order_are_found_across_blocks(
    connection: Connection,
) -> None:
    draw = Random(7)  # noqa: S311  (no secret)
    numbers = [block * 1024 + n for block in range(6) for n in range(30)]
    draw.shuffle(numbers)
    posts = [
        replace(post, no=number)
        for post, number in zip(posts_aged([n / 10 for n in range(180)]), numbers, strict=True)
    ]
    world = World(uuid.uuid4(), uuid.uuid4(), posts)
    latest = sorted(posts, key=lambda post: post.since)[-40:]
    world.impressions.extend((uuid.uuid4(), p.id, AT - timedelta(hours=1)) for p in latest)
    load(connection, world)
    for walk in (2, 500):
        rows = newest(connection, world, want=24, page_size=12, walk=walk)
        check(world, rows, want=24, page_size=12)


def test_posts_of_one_instant_are_taken_by_their_ids(connection: Connection) -> None:
    world = World(uuid.uuid4(), uuid.uuid4(), posts_aged([3] * 80))
    load(connection, world)
    for walk in (5, 500):
        rows = newest(connection, world, want=30, page_size=12, walk=walk)
        check(world, rows, want=30, page_size=12)
