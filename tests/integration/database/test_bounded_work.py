"""What a page costs in buffers touched: counts, which no busy machine changes.

The catalogues are published in order, a post each quarter of an hour, as a living one is. What a
request may look at is a constant number of posts (three walks of 500, 250 and 500, strides of
14 x 40, one or two blocks of 1,024), each by an index descent or two. PER_POST is generous for
those; a plan that scans or sorts the catalogue or the history exceeds the bound at once.
"""

import uuid
from collections.abc import Iterator
from typing import LiteralString
from uuid import UUID

import pytest

from tests.conftest import Database
from tests.integration.database.clients import Connection, operator

LOOKED_AT = 500 + 250 + 500 + 14 * 40 + 2 * 1024
PER_POST = 12
BOUND = LOOKED_AT * PER_POST

POSTS: LiteralString = """
  INSERT INTO posts (post_no, creator_id, mux_ready, mux_playback_id, mux_duration_ms, created_at)
  SELECT n, md5((n %% 500)::text)::uuid, true, 'p', 20000,
         now() - (%(count)s::integer - n) * interval '15 minutes'
  FROM generate_series(%(first)s::integer, %(count)s::integer) n
"""
SEEN: LiteralString = """
  INSERT INTO user_post_impressions (user_id, post_id, seen_at)
  SELECT %s, id, greatest(created_at, now() - %s::interval) + random() * interval '1 minute'
  FROM posts WHERE post_no BETWEEN %s AND %s
"""


# What a viewer has seen: the age of the first impressions, and the numbers of the posts.
HISTORIES: dict[str, list[tuple[str, int, int]]] = {
    "nothing": [],
    "the newest 2,000": [("5 days", 18_000, 19_999)],
    "all but the oldest 100": [("20 days", 100, 19_999)],
    "all but 100 in the middle": [("20 days", 0, 9_999), ("20 days", 10_100, 19_999)],
    "everything": [("20 days", 0, 19_999)],
    "everything, three times": [("20 days", 0, 19_999)] * 3,
    "everything, and then again": [("28 days", 0, 19_999), ("10 days", 0, 19_999)],
    "everything, as it came": [("300 days", 0, 19_999)],
    "everything before the cooldown, then the newest again": [
        ("300 days", 0, 19_999),
        ("20 days", 15_000, 19_999),
    ],
}


@pytest.fixture
def small(database: Database) -> Iterator[Connection]:
    """2,000 posts, of which other viewers have seen some."""
    with operator(database.admin_url) as connection:
        yield filled(connection, 2000)


@pytest.fixture(scope="module")
def large(module_database: Database) -> Iterator[Connection]:
    """20,000 posts."""
    with operator(module_database.admin_url) as connection:
        yield filled(connection, 20_000)


def filled(connection: Connection, count: int) -> Connection:
    connection.execute(POSTS, {"first": 0, "count": count - 1})
    for _ in range(5):
        connection.execute(SEEN, [uuid.uuid4(), "20 days", 0, count // 2])
    connection.execute("ANALYZE")
    return connection


def buffers(connection: Connection, viewer: UUID, page_size: int = 12) -> int:
    """Buffers that one call for candidates touches, once the catalogues' caches are warm."""
    touched = 0
    for _ in range(2):
        row = connection.execute(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)"
            " SELECT * FROM feed_candidates(%s, NULL, 200, %s)",
            [viewer, page_size],
        ).fetchone()
        assert row is not None
        plan = row["QUERY PLAN"][0]["Plan"]
        touched = sum(
            plan[kind]
            for kind in (
                "Shared Hit Blocks",
                "Shared Read Blocks",
                "Temp Read Blocks",
                "Temp Written Blocks",
            )
        )
    return touched


def found(connection: Connection, viewer: UUID) -> dict[str, int]:
    rows = connection.execute(
        "SELECT rung, count(*) AS posts FROM feed_candidates(%s, NULL, 200, 12) GROUP BY rung",
        [viewer],
    )
    return {row["rung"]: row["posts"] for row in rows}


def test_a_new_viewers_page_costs_the_same_in_a_catalogue_ten_times_as_large(
    small: Connection, large: Connection
) -> None:
    few, many = buffers(small, uuid.uuid4()), buffers(large, uuid.uuid4())
    assert many <= BOUND
    # One more level of the indexes: at most a third more on three.
    assert many <= few * 4 / 3


@pytest.mark.parametrize("history", HISTORIES)
def test_a_page_is_bounded_whatever_the_viewer_has_seen(large: Connection, history: str) -> None:
    viewer = uuid.uuid4()
    for seen in HISTORIES[history]:
        large.execute(SEEN, [viewer, *seen])
    large.execute("ANALYZE user_post_impressions, viewer_seen")
    assert buffers(large, viewer) <= BOUND


def test_the_histories_reach_the_last_stages(large: Connection) -> None:
    everything, nearly = uuid.uuid4(), uuid.uuid4()
    large.execute(SEEN, [everything, "20 days", 0, 19_999])
    large.execute(SEEN, [nearly, "20 days", 100, 19_999])
    assert found(large, everything) == {"seen": 12}
    assert found(large, nearly) == {"trending": 100}
