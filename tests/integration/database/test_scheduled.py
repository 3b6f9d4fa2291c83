"""Posts dated in the future: not shown before their time, and then without anybody's doing."""

import uuid
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Database
from tests.integration.database.clients import Connection, call, operator
from tests.integration.database.test_bounded_work import BOUND, Catalogue, buffers

VIEWER = uuid.uuid4()


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with operator(database.admin_url) as connection:
        yield connection


def posts(owner: Connection, count: int, ahead: str) -> list[UUID]:
    """Posts that are complete but for their time, which lies `ahead` of now."""
    rows = owner.execute(
        "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, tags, created_at)"
        " SELECT gen_random_uuid(), true, 'p', '{a}', now() + %s::interval"
        " FROM generate_series(1, %s) RETURNING id",
        [ahead, count],
    )
    return [row["id"] for row in rows]


def let_time_pass(owner: Connection) -> None:
    """Move what waits an hour back, as if an hour had passed: no trigger sees it."""
    owner.execute("SET session_replication_role = replica")
    owner.execute("UPDATE posts SET created_at = created_at - interval '1 hour'")
    owner.execute(
        "UPDATE post_stats SET waits_until = waits_until - interval '1 hour',"
        " published_at = published_at - interval '1 hour' WHERE waits_until IS NOT NULL"
    )
    owner.execute("RESET session_replication_role")


def found(owner: Connection, *, newest: bool = False) -> dict[UUID, dict[str, Any]]:
    rows = owner.execute(
        "SELECT * FROM feed_candidates(%s, NULL, 24, 12, newest => %s)", [VIEWER, newest]
    )
    return {row["post_id"]: row for row in rows}


def commit(database: Database, shown: list[UUID]) -> dict[str, Any]:
    """Commit a page of twelve that holds these posts, in a session of its own."""
    (answer,) = call(
        database.app_url,
        VIEWER,
        "SELECT status, eligible FROM commit_page(%s, %s, 0, 0, %s::uuid[],"
        """ '{"page_size": 12}', '{}', '{}',"""
        """ '{"elapsed_ms": 1, "cache_hit": false, "stale_cursor": false}'::jsonb"""
        " || jsonb_build_object('request_id', gen_random_uuid()))",
        [VIEWER, uuid.uuid4(), shown],
    )
    return answer


def committed(database: Database, post: UUID) -> bool:
    return bool(commit(database, [post])["status"] == "committed")


def eligible_where_short(database: Database, shown: list[UUID]) -> int:
    """Return how many posts the viewer may be shown, as the answer to this short page says."""
    answer = commit(database, shown)
    assert answer["status"] == "committed"
    return int(answer["eligible"])


def test_a_post_appears_when_its_time_has_come_and_not_before(
    database: Database, owner: Connection
) -> None:
    (now,) = posts(owner, 1, "-1 minute")
    (later,) = posts(owner, 1, "59 minutes")
    assert set(found(owner)) == set(found(owner, newest=True)) == {now}
    assert not committed(database, later)
    let_time_pass(owner)
    for newest in (False, True):
        rows = found(owner, newest=newest)
        assert set(rows) == {now, later}
        assert {row["rung"] for row in rows.values()} == {"fresh"}
        assert {row["inventory"] for row in rows.values()} == {2}
    assert committed(database, later)


def test_a_short_page_knows_the_posts_whose_time_has_come(
    database: Database, owner: Connection
) -> None:
    (waiting,) = posts(owner, 1, "30 minutes")
    assert eligible_where_short(database, []) == 0
    let_time_pass(owner)
    assert eligible_where_short(database, []) == eligible_where_short(database, [waiting]) == 1
    owner.execute("SELECT begin_upkeep(100)")
    assert eligible_where_short(database, [waiting]) == 1


def test_the_upkeep_puts_it_among_the_others(owner: Connection) -> None:
    (waiting,) = posts(owner, 1, "30 minutes")
    let_time_pass(owner)
    owner.execute("SELECT begin_upkeep(100)")
    (row,) = owner.execute("SELECT eligible, waits_until FROM post_stats").fetchall()
    assert row == {"eligible": True, "waits_until": None}
    (bits,) = owner.execute("SELECT sum(bit_count(eligible))::integer AS n FROM post_blocks")
    assert bits == {"n": 1}
    assert owner.execute("SELECT post_id FROM post_tags").fetchall() == [{"post_id": waiting}]
    assert list(found(owner)) == [waiting]
    owner.execute("SELECT begin_upkeep(100)")
    assert list(found(owner)) == [waiting]


def test_a_post_that_was_seen_before_the_upkeep_ran_is_a_repeat(owner: Connection) -> None:
    (waiting,) = posts(owner, 1, "30 minutes")
    let_time_pass(owner)
    owner.execute(
        "INSERT INTO user_post_impressions (user_id, post_id) VALUES (%s, %s)", [VIEWER, waiting]
    )
    assert {post: row["rung"] for post, row in found(owner).items()} == {waiting: "seen"}


def test_a_post_that_is_put_off_again_is_gone_until_then(owner: Connection) -> None:
    (post,) = posts(owner, 1, "-1 minute")
    owner.execute("UPDATE posts SET created_at = now() + interval '1 day'")
    assert found(owner) == {}
    (bits,) = owner.execute("SELECT sum(bit_count(eligible))::integer AS n FROM post_blocks")
    assert bits == {"n": 0}
    owner.execute("UPDATE posts SET created_at = now() - interval '1 day'")
    assert list(found(owner)) == [post]


def test_a_post_of_the_next_century_sets_no_top_and_costs_nothing(owner: Connection) -> None:
    posts(owner, 50, "-1 minute")
    posts(owner, 3_000, "100 years")
    owner.execute("ANALYZE")
    assert len(found(owner)) == 50
    top = owner.execute("SELECT max(hot_score) AS top FROM post_stats WHERE eligible").fetchone()
    (now,) = owner.execute("SELECT vroom_private.hot_score(now(), 1) AS now").fetchall()
    assert top is not None
    assert top["top"] <= now["now"]
    assert buffers(Catalogue(owner, "as written"), VIEWER) <= BOUND / 20


def test_others_do_not_read_a_post_before_its_time_and_its_creator_does(
    database: Database, owner: Connection
) -> None:
    (post,) = posts(owner, 1, "1 day")
    (row,) = owner.execute("SELECT creator_id FROM posts").fetchall()
    read = "SELECT id FROM posts"
    assert call(database.app_url, VIEWER, read) == []
    assert call(database.app_url, row["creator_id"], read) == [{"id": post}]
