"""How many blocks of bits a page reads: those that it takes posts from, however many there are.

Blocks of older posts stand for a large catalogue. Each is a row of post_blocks without its 1,024
posts, because no page of these viewers reaches them. What is counted are buffers.
"""

import uuid
from collections.abc import Iterator
from typing import LiteralString, NamedTuple
from uuid import UUID

import pytest

from tests.conftest import Database, MigratedTemplate, copy_of
from tests.integration.database.clients import (
    Connection,
    operator,
    wait_for_older_transactions,
)

POSTS = 4_000
BLOCKS = 10_000  # as many as ten million posts have
# An index of so many blocks is a level deeper, and the first blocks lie on a few pages more.
DEEPER = 60
FILLED: LiteralString = """
  INSERT INTO posts (post_no, creator_id, mux_ready, mux_playback_id, mux_duration_ms, created_at)
  SELECT n, md5((n %% 500)::text)::uuid, true, 'p', 20000,
         now() - (%(posts)s - n) * interval '1 minute'
  FROM generate_series(0, %(posts)s - 1) n
"""
SEEN: LiteralString = """
  INSERT INTO user_post_impressions (user_id, post_id, seen_at)
  SELECT %s, id, now() - interval '1 minute' FROM posts WHERE post_no >= %s
"""
# From three days ago on. The posts of the first thousand blocks are fresh.
GROWN: LiteralString = """
  INSERT INTO post_blocks (block_no, eligible, newest_published_at)
  SELECT -n, ~0::bit(1024), now() - interval '3 days' - n * interval '5 minutes'
  FROM generate_series(1, %s) n
"""
SEEN_EVERYWHERE: LiteralString = """
  INSERT INTO viewer_seen (user_id, block_no, seen)
  SELECT %s, -n, set_bit(0::bit(1024), 7, 1) FROM generate_series(1, %s) n
"""
CANDIDATES: LiteralString = """
  EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)
  SELECT * FROM feed_candidates(%s, NULL, 200, 12, newest => %s)
"""
NAMES = ("new", "eager", "of years")


class Growth(NamedTuple):
    """The buffers of a call by viewer and kind of feed, before and after the catalogue grew."""

    few: dict[tuple[str, bool], int]
    many: dict[tuple[str, bool], int]


@pytest.fixture(scope="module", params=["with statistics", "without new statistics"])
def growth(migrated_template: MigratedTemplate, request: pytest.FixtureRequest) -> Iterator[Growth]:
    with copy_of(migrated_template) as own, operator(own.admin_url) as connection:
        connection.execute("SET synchronous_commit = on")
        for table in ("posts", "post_stats", "post_blocks", "viewer_seen", "viewer_last_seen"):
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        connection.execute(FILLED, {"posts": POSTS})
        viewers = {name: uuid.uuid4() for name in NAMES}
        for name in ("eager", "of years"):
            connection.execute(SEEN, [viewers[name], POSTS - 2_500])
        connection.execute("VACUUM ANALYZE")
        few = all_buffers(own, viewers)
        connection.execute(GROWN, [BLOCKS])
        connection.execute(SEEN_EVERYWHERE, [viewers["of years"], BLOCKS])
        if request.param == "with statistics":
            connection.execute("VACUUM ANALYZE")
        yield Growth(few, all_buffers(own, viewers))


def all_buffers(database: Database, viewers: dict[str, UUID]) -> dict[tuple[str, bool], int]:
    # A connection of its own keeps no plan from before the catalogue grew.
    with operator(database.admin_url) as connection:
        return {
            (name, newest): buffers(connection, viewer, newest=newest)
            for name, viewer in viewers.items()
            for newest in (False, True)
        }


def buffers(connection: Connection, viewer: UUID, *, newest: bool) -> int:
    """Buffers that the second of two calls touches, once the catalogues' caches are warm."""
    wait_for_older_transactions(connection)
    total = 0
    for _ in range(2):
        row = connection.execute(CANDIDATES, [viewer, newest]).fetchone()
        assert row is not None
        plan = row["QUERY PLAN"][0]["Plan"]
        total = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return total


@pytest.mark.parametrize("newest", [False, True], ids=["ranked", "chronological"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_reads_the_blocks_that_it_takes_posts_from(
    growth: Growth, name: str, *, newest: bool
) -> None:
    assert growth.many[name, newest] <= growth.few[name, newest] + DEEPER
