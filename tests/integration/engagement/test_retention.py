"""Retention: bounded, resumable, and never what is still needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.integration.database.clients import wait_for_older_transactions
from tests.integration.engagement.audience import watch

if TYPE_CHECKING:
    from uuid import UUID

    from tests.integration.engagement.audience import Audience

PRUNE: LiteralString = "SELECT * FROM prune(%s)"


def prune(audience: Audience, max_rows: int = 100) -> dict[str, int]:
    """What one call removed, by kind; kinds of which nothing went are left out."""
    with psycopg.connect(
        audience.database.app_url, autocommit=True, row_factory=dict_row
    ) as connection:
        rows = connection.execute(PRUNE, [max_rows]).fetchall()
    return {row["kind"]: row["removed"] for row in rows if row["removed"]}


def impressions(audience: Audience, viewer: UUID, post: UUID, *days: float) -> None:
    for age in days:
        audience.operator.execute(
            "INSERT INTO user_post_impressions (user_id, post_id, seen_at, created_at)"
            " SELECT %s, %s, t, t FROM (SELECT now() - %s * interval '1 day') a(t)",
            [viewer, post, age],
        )


def bits(audience: Audience) -> int:
    row = audience.row("SELECT coalesce(sum(bit_count(seen)), 0)::integer AS bits FROM viewer_seen")
    return int(row["bits"])


def test_impressions_go_a_day_after_the_cooldown_and_not_before(audience: Audience) -> None:
    viewer = uuid4()
    old, slack, both = audience.add_posts(3)
    impressions(audience, viewer, old, 31.1)
    impressions(audience, viewer, slack, 30.9)
    impressions(audience, viewer, both, 40, 5)
    assert prune(audience) == {"user_post_impressions": 2}
    rows = audience.rows("SELECT post_id FROM viewer_last_seen")
    assert {row["post_id"] for row in rows} == {slack, both}
    assert bits(audience) == 2
    assert prune(audience) == {}


def test_an_old_row_of_a_post_seen_lately_stays(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    audience.operator.execute(
        "INSERT INTO user_post_impressions (user_id, post_id, seen_at, created_at)"
        " VALUES (%s, %s, now(), now() - interval '60 days')",
        [viewer, post],
    )
    assert prune(audience) == {}
    assert bits(audience) == 1


def test_a_call_removes_no_more_than_it_may_and_the_oldest_first(audience: Audience) -> None:
    viewer = uuid4()
    posts = audience.add_posts(7)
    for n, post in enumerate(posts):
        impressions(audience, viewer, post, 40 + n)
    assert prune(audience, max_rows=3) == {"user_post_impressions": 3}
    rows = audience.rows("SELECT post_id FROM user_post_impressions")
    assert {row["post_id"] for row in rows} == set(posts[:4])
    assert prune(audience, max_rows=3) == {"user_post_impressions": 3}
    assert prune(audience, max_rows=3) == {"user_post_impressions": 1}
    assert prune(audience, max_rows=3) == {}
    assert bits(audience) == 0


REQUESTS: LiteralString = (
    "INSERT INTO feed_requests (user_id, response_time_ms, cache_hit)"
    " SELECT gen_random_uuid(), 1, false FROM generate_series(1, 4)"
)
PAGES: LiteralString = (
    "INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries)"
    " SELECT gen_random_uuid(), gen_random_uuid(), 0, 1, '{}', '[]' FROM generate_series(1, 4)"
)


@pytest.mark.parametrize(
    ("kind", "column", "days", "insert"),
    [
        ("watch_events", "created_at", 90, None),
        ("viewer_watches", "last_at", 180, None),
        ("feed_requests", "created_at", 30, REQUESTS),
        ("feed_pages", "created_at", 7, PAGES),
    ],
)
def test_what_is_past_its_time_goes_and_the_rest_stays(
    audience: Audience,
    kind: LiteralString,
    column: LiteralString,
    days: int,
    insert: LiteralString | None,
) -> None:
    if insert:
        audience.operator.execute(insert)
    else:
        viewer = uuid4()
        audience.record(viewer, [watch(post) for post in audience.add_posts(4)])
    update = psycopg.sql.SQL(
        "UPDATE {table} t SET {column} = now() - (%s + place - 2.5) * interval '1 day'"
        " FROM (SELECT ctid, row_number() OVER () AS place FROM {table}) r WHERE r.ctid = t.ctid"
    ).format(table=psycopg.sql.Identifier(kind), column=psycopg.sql.Identifier(column))
    audience.operator.execute(update, [days])
    assert prune(audience) == {kind: 2}
    count = psycopg.sql.SQL("SELECT count(*) AS rows FROM {}").format(psycopg.sql.Identifier(kind))
    assert audience.operator.execute(count).fetchone() == {"rows": 2}


def test_what_tells_of_posts_that_are_gone_goes_in_bounded_steps(audience: Audience) -> None:
    viewer = uuid4()
    audience.operator.execute(
        "INSERT INTO viewer_context (user_id, device, daypart) VALUES (%s, 'tv', 'late')", [viewer]
    )
    posts = audience.add_posts(20, tags=["cats"])
    for _ in range(2):
        audience.record(viewer, [watch(post, 1.0) for post in posts])
    audience.roll_up()
    gone, left = posts[::2], set(posts[1::2])
    audience.operator.execute("DELETE FROM posts WHERE id = ANY(%s)", [gone])
    removed = 0
    for _ in range(60):
        step = prune(audience, max_rows=5)
        assert all(count <= 5 for count in step.values())
        removed += sum(step.values())
    covisits = audience.rows("SELECT post_id, next_post_id FROM post_covisits")
    assert {post for row in covisits for post in row.values()} <= left
    assert {row["post_id"] for row in audience.rows("SELECT post_id FROM cohort_posts")} == left
    assert {row["post_id"] for row in audience.rows("SELECT post_id FROM post_tags")} == left
    assert removed > len(gone)


def test_feedback_on_a_post_that_is_gone_goes_and_other_feedback_stays(audience: Audience) -> None:
    viewer = uuid4()
    gone, left = audience.add_posts(2)
    for post in (gone, left):
        audience.operator.execute(
            "INSERT INTO feedback (user_id, action, post_id, created_at)"
            " VALUES (%s, 'not_interested', %s, now() - interval '2 days')",
            [viewer, post],
        )
    audience.operator.execute("DELETE FROM posts WHERE id = %s", [gone])
    assert prune(audience) == {"feedback": 1}
    assert [row["post_id"] for row in audience.rows("SELECT post_id FROM feedback")] == [left]


def test_a_callers_cooldown_keeps_impressions_longer_and_never_shorter(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    impressions(audience, viewer, post, 0.9, 3, 40)
    audience.record(viewer, [watch(post)])
    audience.operator.execute("SELECT prune(100, '45 days')")
    assert len(audience.rows("SELECT FROM user_post_impressions")) == 3
    for cooldown in ("-10 days", "0", "1 day"):
        audience.operator.execute("SELECT prune(100, %s)", [cooldown])
        assert len(audience.rows("SELECT FROM user_post_impressions")) == 2
    assert len(audience.rows("SELECT FROM watch_events")) == 1
    assert len(audience.rows("SELECT FROM viewer_watches")) == 1


def test_rows_that_somebody_holds_are_left_for_the_next_call(audience: Audience) -> None:
    viewer = uuid4()
    first, second = audience.add_posts(2)
    impressions(audience, viewer, first, 50)
    impressions(audience, uuid4(), second, 40)
    with psycopg.connect(audience.database.admin_url) as holder:
        holder.execute("SELECT FROM user_post_impressions WHERE user_id = %s FOR UPDATE", [viewer])
        assert prune(audience) == {"user_post_impressions": 1}
    assert prune(audience) == {"user_post_impressions": 1}


def test_a_second_call_meanwhile_does_nothing(audience: Audience) -> None:
    impressions(audience, uuid4(), audience.add_posts(1)[0], 50)
    with psycopg.connect(audience.database.admin_url) as working:
        working.execute("SELECT FROM upkeep_locks WHERE task = 'prune' FOR UPDATE")
        assert prune(audience) == {}
    assert prune(audience) == {"user_post_impressions": 1}


def buffers(audience: Audience) -> int:
    """Buffers that one call touches, caches warm."""
    wait_for_older_transactions(audience.operator)
    touched = 0
    for _ in range(2):
        row = audience.row("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + PRUNE, 50)
        plan = row["QUERY PLAN"][0]["Plan"]
        touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return touched


def fill(audience: Audience, count: int) -> None:
    audience.operator.execute(
        "INSERT INTO watch_events SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
        " 1, 1, 1, false, false, false, false, 1, now() - n * interval '1 second'"
        " FROM generate_series(1, %s) n",
        [count],
    )
    audience.operator.execute(
        "INSERT INTO viewer_watches (user_id, post_id, last_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), now() - n * interval '1 second'"
        " FROM generate_series(1, %s) n",
        [count],
    )
    audience.operator.execute(
        "INSERT INTO feed_requests (user_id, response_time_ms, cache_hit, created_at)"
        " SELECT gen_random_uuid(), 1, false, now() - n * interval '1 second'"
        " FROM generate_series(1, %s) n",
        [count],
    )
    audience.operator.execute("ANALYZE watch_events, viewer_watches, feed_requests")


def test_a_call_costs_the_same_on_tables_ten_times_as_large(audience: Audience) -> None:
    # Between two calls the server would vacuum a table now and then. The second call would then be
    # planned anew, and planning reads the catalogue.
    audience.operator.execute(
        "ALTER TABLE watch_events SET (autovacuum_enabled = off);"
        " ALTER TABLE viewer_watches SET (autovacuum_enabled = off);"
        " ALTER TABLE feed_requests SET (autovacuum_enabled = off)"
    )
    fill(audience, 2_000)
    small = buffers(audience)
    fill(audience, 20_000)
    assert buffers(audience) <= 1.3 * small
