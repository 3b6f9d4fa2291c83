"""The schema distributes: what serves one viewer touches that viewer's share of each table alone.

Every table that is keyed by viewer is replaced by one that is hash-partitioned by that key, as a
distributed Postgres (Citus, Aurora Limitless) lays it out over machines, and PostgreSQL's own
counters say which partitions were looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from functions.feed_ranker.events import feedback, watch_progress
from functions.feed_ranker.requests import FeedbackIn, WatchBatch

if TYPE_CHECKING:
    from tests.conftest import Database
    from tests.integration.feed.harness import Harness, Viewer

SHARES: Final = 16
KEYED: Final = """
  SELECT c.relname, a.attname
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('user_id', 'follower_id')
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    AND c.relname <> 'vroom_migrations'
  ORDER BY 1
"""


def partition(admin: psycopg.Connection, table: str, key: str) -> None:
    """Replace an empty table by one in hash partitions by `key`, with its indexes and triggers."""
    triggers = admin.execute(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE tgrelid = format('public.%%I', %s::text)::regclass AND NOT tgisinternal",
        (table,),
    ).fetchall()
    name, old = sql.Identifier("public", table), sql.Identifier(f"{table}_whole")
    admin.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(name, old))
    admin.execute(
        sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) PARTITION BY HASH ({})").format(
            name, sql.Identifier("public", f"{table}_whole"), sql.Identifier(key)
        )
    )
    for share in range(SHARES):
        admin.execute(
            sql.SQL(
                "CREATE TABLE {} PARTITION OF {} FOR VALUES WITH (MODULUS {}, REMAINDER {})"
            ).format(sql.Identifier("public", f"{table}_share_{share}"), name, SHARES, share)
        )
    for (definition,) in triggers:
        admin.execute(definition.encode())
    # Rows are the owner's test data here; who may see which is tested elsewhere.
    admin.execute(sql.SQL("GRANT ALL ON {} TO vroom_app").format(name))


def shares_touched(admin: psycopg.Connection) -> dict[str, int]:
    """Of each partitioned table, how many partitions were read or written since the reset."""
    rows = admin.execute(
        "SELECT regexp_replace(relname, '_share_[0-9]+$', ''), count(*)"
        " FROM pg_stat_user_tables WHERE relname ~ '_share_[0-9]+$'"
        " AND coalesce(seq_scan, 0) + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del > 0"
        " GROUP BY 1"
    )
    return dict(rows.fetchall())


def acts(feed: Harness, viewer: Viewer, creator: UUID) -> None:
    """All that a viewer's app sends within a session, thin and stale pages included."""
    container = feed.container
    for number in range(4):
        page = viewer.next(50 if number == 2 else 12)
        viewer.records(page)
        events = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "play_ms": 29_000,
                "duration_ms": 30_000,
                "liked": post["position"] % 3 == 0,
            }
            for post in page["posts"]
        ]
        watch_progress.record(
            container.database,
            viewer.id,
            WatchBatch.model_validate({"events": events}),
            now=feed.now,
            budget_s=10,
        )
        asked = {"action": "not_interested", "post_id": page["posts"][-1]["post_id"]}
        for given in (asked, {"action": "hide_creator", "creator_id": str(creator)}):
            feedback.give(
                container.database, viewer.id, FeedbackIn.model_validate(given), budget_s=10
            )
    viewer.page(cursor=viewer.pages[1]["next_cursor"])
    viewer.restart()
    viewer.next()


@pytest.fixture
def partitioned(feed: Harness) -> list[str]:
    """The tables keyed by viewer, now in partitions."""
    keyed = feed.admin.execute(KEYED).fetchall()
    for table, key in keyed:
        partition(feed.admin, table, key)
    return [table for table, _ in keyed]


def test_every_unique_key_of_a_viewers_table_begins_with_the_viewer(database: Database) -> None:
    with psycopg.connect(database.admin_url) as admin:
        for table, key in admin.execute(KEYED).fetchall():
            firsts = admin.execute(
                "SELECT pg_get_indexdef(indexrelid, 1, true) FROM pg_index"
                " WHERE indisunique AND indrelid = format('public.%%I', %s::text)::regclass",
                (table,),
            ).fetchall()
            assert firsts, table
            assert {first for (first,) in firsts} == {key}, table


def test_a_viewers_requests_touch_one_share_of_each_table(
    feed: Harness, partitioned: list[str]
) -> None:
    posts = feed.add_posts(150)
    others = [feed.viewer() for _ in range(40)]
    for other in others:
        feed.sees(other.id, posts[:30])
    viewer = feed.viewer()
    feed.execute(
        "INSERT INTO follows (follower_id, creator_id)"
        " SELECT DISTINCT %s::uuid, creator_id FROM posts",
        viewer.id,
    )
    feed.sees(viewer.id, posts[:20])
    creator = UUID(int=10_001)
    feed.container.database.close()
    feed.admin.execute("SELECT pg_stat_force_next_flush()")
    feed.admin.execute("SELECT pg_stat_reset()")

    acts(feed, viewer, creator)

    # A connection's counters are flushed when it ends.
    feed.container.database.close()
    while feed.admin.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'vroom_app'"
    ).fetchone() != (0,):
        pass
    touched = shares_touched(feed.admin)
    hot = {
        "follows",
        "user_post_impressions",
        "viewer_last_seen",
        "viewer_seen",
        "user_interest_signals",
        "feedback",
        "feed_pages",
        "feed_requests",
        "watch_events",
        "viewer_watches",
        "viewer_creator_affinity",
    }
    assert hot <= set(touched) <= set(partitioned)
    assert {table: shares for table, shares in touched.items() if shares > 1} == {}
