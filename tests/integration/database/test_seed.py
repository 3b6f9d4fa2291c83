import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from tests.conftest import Database
from tests.integration.database import seed
from tests.integration.database.clients import call, operator

VIEWER = uuid.uuid4()


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """The operator's."""
    with psycopg.connect(database.admin_url, autocommit=True) as open_connection:
        yield open_connection


def run(
    connection: psycopg.Connection[tuple[Any, ...]], statement: LiteralString
) -> list[tuple[Any, ...]]:
    """Runs a printed statement as it is; its `$1` is the viewer."""
    cursor = psycopg.RawCursor(connection)
    cursor.execute(statement, [VIEWER] if "$1" in statement else None)
    return cursor.fetchall() if cursor.description else []


def add_posts(connection: psycopg.Connection[Any], count: int) -> list[UUID]:
    posts = [uuid.uuid4() for _ in range(count)]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
            " VALUES (%s, %s, true, 'playback', 20000)",
            [(post, uuid.uuid4()) for post in posts],
        )
    return posts


@pytest.mark.parametrize("name", seed.STATEMENTS)
def test_every_printed_statement_runs_on_an_empty_database(
    connection: psycopg.Connection[tuple[Any, ...]], name: str
) -> None:
    run(connection, seed.STATEMENTS[name])


def test_the_average_response_time_is_that_of_the_last_hour(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    assert run(connection, seed.FEED_PERFORMANCE) == [(None,)]
    connection.execute(
        "INSERT INTO feed_requests (user_id, response_time_ms, cache_hit, created_at) VALUES"
        " (%(viewer)s, 10, false, now()), (%(viewer)s, 30, true, now() - interval '59 minutes'),"
        " (%(viewer)s, 9000, true, now() - interval '61 minutes')",
        {"viewer": VIEWER},
    )
    assert run(connection, seed.FEED_PERFORMANCE) == [(20.0,)]


def test_cache_efficiency_is_the_share_of_hits_and_no_row_without_requests(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    assert run(connection, seed.CACHE_EFFICIENCY) == []
    connection.execute(
        "INSERT INTO feed_requests (user_id, response_time_ms, cache_hit, created_at)"
        " SELECT gen_random_uuid(), 10, n <= 3, now() - n * interval '5 hours'"
        " FROM generate_series(1, 4) n"
    )
    connection.execute(
        "INSERT INTO feed_requests (user_id, response_time_ms, cache_hit, created_at)"
        " VALUES (gen_random_uuid(), 10, false, now() - interval '25 hours')"
    )
    assert run(connection, seed.CACHE_EFFICIENCY) == [(0.75,)]


def test_the_repeat_rate_counts_the_day_by_source(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    connection.execute(
        "INSERT INTO user_post_impressions (user_id, post_id, source, created_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), s.source, now() - s.age"
        " FROM (VALUES ('fresh', interval '1 hour'), ('fresh', interval '2 hours'),"
        " ('repeat', interval '3 hours'), ('repeat', interval '25 hours')) s(source, age)"
    )
    assert sorted(run(connection, seed.REPEAT_RATE)) == [("fresh", 2), ("repeat", 1)]


def test_the_printed_feature_flags_are_stored_with_defaults_for_the_rest(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    run(connection, seed.ENABLE_FEED)
    run(connection, seed.RANKING_TEST)
    flags = connection.execute(
        "SELECT name, enabled, rollout_percentage, metadata FROM feature_flags ORDER BY name"
    ).fetchall()
    assert flags == [
        ("feed_v2_enabled", True, 100, {}),
        ("ranking_algorithm_v2", True, 100, {"variant": "engagement_boost"}),
    ]


def test_troubleshooting_counts_eligible_and_seen_posts(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    first, second, third = add_posts(connection, 3)
    connection.execute("UPDATE posts SET visibility = 'shadow_ban' WHERE id = %s", [first])
    connection.execute("UPDATE posts SET mux_ready = false WHERE id = %s", [second])
    assert run(connection, seed.ELIGIBLE_POSTS) == [(1,)]
    assert run(connection, seed.SEEN_POSTS) == [(0,)]
    connection.execute("SELECT record_impression(user_id => %s, post_id => %s)", [VIEWER, third])
    connection.execute(
        "SELECT record_impression(user_id => %s, post_id => %s)", [uuid.uuid4(), third]
    )
    assert run(connection, seed.SEEN_POSTS) == [(1,)]


def test_an_insert_of_the_named_columns_suffices_for_an_eligible_post(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    (post,) = add_posts(connection, 1)
    assert [row[1] for row in run(connection, seed.FEED)] == [post]


def test_the_printed_feed_holds_twelve_distinct_posts_in_order(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    add_posts(connection, 30)
    page = run(connection, seed.FEED)
    assert [row[0] for row in page] == list(range(12))
    assert len({row[1] for row in page}) == 12
    assert {row[3] for row in page} == {"fresh"}


def test_the_printed_feed_continues_after_a_post_and_starts_again_at_its_end(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    add_posts(connection, 18)
    first = [row[1] for row in run(connection, seed.FEED)]
    after = "SELECT post_id FROM get_personalized_feed(%s, 12, %s)"
    second = [row[0] for row in connection.execute(after, [VIEWER, first[-1]])]
    assert len(second) == 12
    assert len(set(first) | set(second)) == 18
    assert second[6:] == first[:6]


@pytest.mark.parametrize("seen", [13, 18, 20])
def test_the_printed_feed_fills_up_with_repeats_below_position_six_then_with_recycled_posts(
    connection: psycopg.Connection[tuple[Any, ...]], seen: int
) -> None:
    posts = add_posts(connection, 20)
    for age, post in enumerate(posts[:seen]):
        connection.execute(
            "SELECT record_impression(user_id => %s, post_id => %s,"
            " visible_at => now() - make_interval(days => 20, hours => -%s))",
            [VIEWER, post, age],
        )
    page = run(connection, seed.FEED)
    unseen = 20 - seen
    assert [row[1] for row in page[unseen:]] == posts[: 12 - unseen]
    assert [row[4] for row in page] == [False] * unseen + [True] * (12 - unseen)
    repeats = [row[0] for row in page if row[3] == "repeat"]
    first = max(unseen, 6)
    assert repeats == [first, first + 1]
    assert {row[3] for row in page if row[4] and row[0] not in repeats} == {"recycled"}


@pytest.mark.parametrize("page_size", [0, 51, None])
def test_a_page_size_out_of_range_is_refused(
    connection: psycopg.Connection[tuple[Any, ...]], page_size: int | None
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="between 1 and 50"):
        connection.execute("SELECT * FROM get_personalized_feed(%s, %s, NULL)", [VIEWER, page_size])


def test_the_explained_feed_really_ran(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    add_posts(connection, 13)
    plan = "\n".join(line for (line,) in run(connection, seed.EXPLAINED_FEED))
    assert "get_personalized_feed" in plan
    assert "rows=12.00 loops=1" in plan or "rows=12 loops=1" in plan


def test_calls_of_the_feed_are_counted_where_the_server_tracks_functions(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    connection.execute("SET track_functions = 'pl'")
    run(connection, seed.FEED)
    run(connection, seed.FEED)
    connection.execute("SELECT pg_stat_force_next_flush()")
    cursor = psycopg.RawCursor(connection)
    (row,) = cursor.execute(seed.FUNCTION_CALLS).fetchall()
    columns = [column.name for column in cursor.description or []]
    assert dict(zip(columns, row, strict=True))["calls"] == 2


@pytest.mark.parametrize("name", seed.POLICIES)
def test_the_printed_policies_stand_as_printed(
    connection: psycopg.Connection[tuple[Any, ...]], name: str
) -> None:
    definition = "SELECT * FROM pg_policies WHERE policyname = %s"
    (found,) = connection.execute(definition, [name]).fetchall()
    with connection.transaction(force_rollback=True):
        drop = psycopg.sql.SQL("DROP POLICY {} ON {}")
        connection.execute(
            drop.format(psycopg.sql.Identifier(name), psycopg.sql.Identifier(found[1]))
        )
        run(connection, seed.POLICIES[name])
        assert connection.execute(definition, [name]).fetchall() == [found]


@pytest.mark.parametrize("function", seed.SIGNATURES)
def test_the_functions_take_their_parameters_by_the_printed_names(
    connection: psycopg.Connection[tuple[Any, ...]], function: str
) -> None:
    row = connection.execute(
        "SELECT proargnames[:pronargs] FROM pg_proc WHERE proname = %s", [function]
    ).fetchall()
    assert row == [(seed.SIGNATURES[function],)]


@pytest.mark.parametrize("table", seed.COLUMNS)
def test_the_tables_have_the_printed_columns(
    connection: psycopg.Connection[tuple[Any, ...]], table: str
) -> None:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s",
        [table],
    )
    assert seed.COLUMNS[table] <= {name for (name,) in rows}


def test_record_impression_by_named_parameters_stores_what_it_is_given(
    database: Database,
) -> None:
    with operator(database.admin_url) as connection:
        (post,) = add_posts(connection, 1)
    session, visible_at = uuid.uuid4(), datetime.now(UTC) - timedelta(minutes=1)
    recorded = call(
        database.app_url,
        VIEWER,
        "SELECT record_impression(user_id => %s, post_id => %s, source => 'fresh', score => 0.7,"
        " session_id => %s, visible_at => %s)",
        [VIEWER, post, session, visible_at],
    )
    assert recorded == [{"record_impression": True}]
    stored = call(
        database.app_url,
        VIEWER,
        "SELECT user_id, post_id, source, score, session_id,"
        " seen_at = %s AS at FROM user_post_impressions",
        [visible_at],
    )
    expected = {"user_id": VIEWER, "post_id": post, "source": "fresh", "score": 0.7}
    assert stored == [{**expected, "session_id": session, "at": True}]
