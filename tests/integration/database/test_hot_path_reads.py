"""No function of the hot path reads an index or a table as a whole.

The server's own counters say so. A plan that scans looks harmless on a small table and is chosen
there first. So the counters are read after each batch, on few posts and on many, with tables just
vacuumed and with tables that were written to since, as those of a living server are.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import LiteralString, NamedTuple
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.conftest import MigratedTemplate, copy_of
from tests.integration.database.clients import (
    Connection,
    operator,
    refresh_counters,
    wait_for_older_transactions,
)

VIEWERS, SEEN, WATCHED = 60, 300, 60
BATCH = 24
# What one row of a batch may read of one index or table: probes, and a few neighbours.
PER_ROW = 30
# Below this an index or table is one or two pages, which are read as a whole for any probe.
SMALL = 500
VERSION_16 = 160_000
TAGS_OF_FEW = {"2,000 of 2,000", "2,001 of 2,000"}  # with and without one that a probe returned
POSTS: LiteralString = """
  INSERT INTO posts (
    post_no, creator_id, mux_ready, mux_playback_id, mux_duration_ms, tags, created_at)
  SELECT n, md5((n %% 100)::text)::uuid, true, 'p', 20000, ARRAY['all', 'tag' || n %% 50],
         now() - (%(count)s::integer - n) * interval '15 minutes'
  FROM generate_series(1, %(count)s::integer) n
"""
HISTORIES: LiteralString = """
  INSERT INTO user_post_impressions (user_id, post_id, seen_at)
  SELECT md5('viewer' || v)::uuid, p.id, now() - random() * interval '5 days'
  FROM generate_series(1, %(viewers)s::integer) v
  CROSS JOIN LATERAL (
    SELECT id FROM posts WHERE (post_no + v) %% 3 = 0 ORDER BY post_no DESC LIMIT %(seen)s
  ) p
"""
PAGES: LiteralString = """
  INSERT INTO feed_pages (user_id, session_id, page_no, post_ids, version, entries)
  SELECT md5('viewer' || v)::uuid, md5('session' || v)::uuid, n,
         ARRAY(SELECT id FROM posts WHERE post_no %% 50 = n LIMIT 12), 1, '[]'
  FROM generate_series(1, %(viewers)s::integer) v, generate_series(0, 19) n
"""
HIDDEN: LiteralString = """
  INSERT INTO feedback (user_id, action, post_id)
  SELECT md5('viewer' || v)::uuid, 'not_interested', p.id
  FROM generate_series(1, %(viewers)s::integer) v
  CROSS JOIN LATERAL (SELECT id FROM posts WHERE post_no %% 40 = v %% 40 LIMIT 20) p
"""
# Entries that were read, by table (without an index) and by index, with how many there are.
READS: LiteralString = """
  SELECT t.relname AS name, t.seq_tup_read AS reads, t.n_live_tup AS entries
  FROM pg_stat_user_tables t
  UNION ALL
  SELECT i.indexrelname, i.idx_tup_read, t.n_live_tup
  FROM pg_stat_user_indexes i JOIN pg_stat_user_tables t USING (relid)
"""
# The roll-up takes all that is in it.
TAKEN_WHOLE = {"engagement_queue", "engagement_queue_pkey"}
VIEWER = UUID("ea797b17-31e8-b557-2f48-da8640b79c36")  # md5 of viewer7
SESSION = UUID("7d3c8868-abb6-46b7-29f4-6a204aaedef5")  # md5 of session7


class Living(NamedTuple):
    """A database with viewers of some time, and ids of posts for a batch."""

    connection: Connection
    posts: list[UUID]


@pytest.fixture(scope="module", params=[1_000, 20_000], ids="{:,} posts".format)
def filled(
    migrated_template: MigratedTemplate, request: pytest.FixtureRequest
) -> Iterator[Connection]:
    with copy_of(migrated_template) as database, operator(database.admin_url) as connection:
        connection.execute(
            "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace LOOP"
            " EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t);"
            " END LOOP; END $$"
        )
        connection.execute(POSTS, {"count": request.param})
        given = {"viewers": VIEWERS, "seen": SEEN}
        for statement in (HISTORIES, PAGES, HIDDEN):
            connection.execute(statement, given)
        for viewer in range(1, VIEWERS + 1):
            connection.execute(
                "SELECT count(*) FROM record_watches(md5('viewer' || %(v)s)::uuid, ("
                " SELECT jsonb_agg(jsonb_build_object('event_id', gen_random_uuid(), 'post_id', id,"
                " 'play_ms', 19000, 'duration_ms', 20000)) FROM ("
                " SELECT id FROM posts ORDER BY md5(id || '/' || %(v)s) LIMIT %(watched)s) p))",
                {"v": viewer, "watched": WATCHED},
            )
        while connection.execute("SELECT FROM engagement_queue LIMIT 1").fetchone():
            connection.execute("SELECT * FROM roll_up(10000)")
        yield connection


@pytest.fixture(params=["vacuumed", "written to"])
def living(filled: Connection, request: pytest.FixtureRequest) -> Living:
    filled.execute("VACUUM ANALYZE")
    if request.param == "written to":
        for statement in (
            "UPDATE posts SET caption = 'x' || random() WHERE post_no % 40 = 0",
            "UPDATE post_stats SET reports = reports WHERE post_no % 40 = 0",
            "UPDATE viewer_last_seen SET seen_at = seen_at WHERE random() < 0.05",
            "UPDATE viewer_watches SET plays = plays WHERE random() < 0.05",
            "UPDATE user_post_impressions SET position = 1 WHERE random() < 0.05",
        ):
            filled.execute(statement)
    rows = filled.execute(
        "SELECT id FROM posts ORDER BY md5(id::text || random()) LIMIT %s", [BATCH]
    ).fetchall()
    return Living(filled, [row["id"] for row in rows])


def scanned(
    connection: Connection, statement: LiteralString, given: Sequence[object]
) -> dict[str, str]:
    """What a statement reads more of than its batch accounts for."""

    def counters() -> dict[str, tuple[int, int]]:
        refresh_counters(connection)
        rows = connection.execute(READS).fetchall()
        return {row["name"]: (row["reads"], row["entries"]) for row in rows}

    wait_for_older_transactions(connection)
    before = counters()
    connection.execute(statement, given)
    after = counters()
    return {
        name: f"{reads - before[name][0]:,} of {entries:,}"
        for name, (reads, entries) in sorted(after.items())
        if entries >= SMALL
        and name not in TAKEN_WHOLE
        and reads - before[name][0] > min(PER_ROW * BATCH, entries * 0.9)
    }


def test_a_batch_of_impressions_reads_what_it_is_about(living: Living) -> None:
    batch = [
        {"event_id": str(uuid.uuid4()), "post_id": str(post), "source": "fresh", "visible_ms": 900}
        for post in living.posts
    ]
    assert not scanned(
        living.connection,
        "SELECT * FROM record_impressions(%s, %s, %s)",
        [VIEWER, SESSION, Jsonb(batch)],
    )


def test_a_batch_of_watches_reads_what_it_is_about(living: Living) -> None:
    batch = [
        {
            "event_id": str(uuid.uuid4()),
            "post_id": str(post),
            "play_ms": 19_500,
            "duration_ms": 20_000,
            "liked": True,
        }
        for post in living.posts
    ]
    assert not scanned(
        living.connection, "SELECT * FROM record_watches(%s, %s)", [VIEWER, Jsonb(batch)]
    )


@pytest.mark.parametrize("action", ["not_interested", "report"])
@pytest.mark.parametrize("undo", [False, True])
def test_feedback_reads_what_it_is_about(living: Living, action: str, *, undo: bool) -> None:
    assert not scanned(
        living.connection,
        "SELECT * FROM give_feedback(%s, %s, %s, NULL, %s)",
        [VIEWER, action, living.posts[0], undo],
    )


def test_hiding_a_creator_reads_what_it_is_about(living: Living) -> None:
    assert not scanned(
        living.connection,
        "SELECT * FROM give_feedback(%s, 'hide_creator', NULL, md5('3')::uuid, false)",
        [VIEWER],
    )


def test_the_commit_of_a_page_reads_what_it_is_about(living: Living) -> None:
    assert not scanned(
        living.connection,
        "SELECT * FROM commit_page(%s, %s, 0, 0, %s, '[]', %s, %s, "
        """'{"page_size": 24, "elapsed_ms": 1, "cache_hit": false, "stale_cursor": false}'::jsonb"""
        " || jsonb_build_object('request_id', gen_random_uuid()))",
        [VIEWER, uuid.uuid4(), living.posts, living.posts, living.posts],
    )


def test_the_roll_up_reads_what_its_events_are_about(living: Living) -> None:
    # The batch is all that is in the queue.
    living.connection.execute("DELETE FROM engagement_queue")
    living.connection.execute(
        "INSERT INTO engagement_queue (post_id, creator_id, impressions, plays, watch_ratio,"
        " weight, duration_ms, observed_watch_ratio, observed_like, after_posts, cohorts)"
        " SELECT s.post_id, s.creator_id, 1, 1, 0.9, 0.9, 20000, 0.9, false,"
        " (%(posts)s::uuid[])[1:2], ARRAY['phone/evening/']"
        " FROM post_stats s WHERE s.post_id = ANY (%(posts)s)",
        {"posts": living.posts},
    )
    found = scanned(living.connection, "SELECT * FROM roll_up(2000)", [])
    # Of 2,000 tags Postgres 15 reads all 17 pages, which costs less than to look 24 posts up.
    few = found.get("post_tags") in TAGS_OF_FEW
    if living.connection.info.server_version < VERSION_16 and few:
        del found["post_tags"]
    assert not found
