"""What the functions' own role can do in wrong hands: nothing to others, and nothing for long."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Database
from tests.integration.database.clients import Connection, call, operator

VIEWER = uuid.uuid4()
FAR = "2999-01-01T00:00:00+00:00"


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with operator(database.admin_url) as connection:
        yield connection


@pytest.fixture
def post(owner: Connection) -> UUID:
    """An eligible post of somebody else's."""
    row = owner.execute(
        "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
        " VALUES (gen_random_uuid(), true, 'p', 20000) RETURNING id"
    ).fetchone()
    assert row is not None
    return UUID(str(row["id"]))


def as_function(database: Database, statement: str) -> None:
    """Run a statement as the functions' role, with no claims at all."""
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def counted(owner: Connection) -> int:
    row = owner.execute("SELECT sum(impressions)::integer AS n FROM engagement_queue").fetchone()
    assert row is not None
    return int(row["n"] or 0)


def test_retention_keeps_what_the_owner_says_whatever_a_caller_asks_for(
    database: Database, owner: Connection, post: UUID
) -> None:
    owner.execute(
        "INSERT INTO user_post_impressions (user_id, post_id, seen_at, created_at)"
        " SELECT %s, %s, t, t FROM (SELECT now() - interval '2 days') a(t)",
        [VIEWER, post],
    )
    for cooldown in ("-30 days", "0"):
        as_function(database, f"SELECT prune(10000, '{cooldown}')")
    assert len(owner.execute("SELECT FROM user_post_impressions").fetchall()) == 1


def test_the_threshold_of_reports_is_the_owners(database: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction):
        as_function(database, "SELECT roll_up(10000, threshold => 1)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_function(database, "UPDATE feed_settings SET report_hold_threshold = 1")


def test_nobody_watches_in_the_future(database: Database, owner: Connection, post: UUID) -> None:
    watch = {"event_id": str(uuid.uuid4()), "post_id": str(post), "play_ms": 20000}
    call(
        database.app_url,
        VIEWER,
        "SELECT * FROM record_watches(%s, %s, '2126-01-01')",
        [VIEWER, Jsonb([watch | {"duration_ms": 20000}])],
    )
    rows = owner.execute(
        "SELECT created_at AS at FROM watch_events UNION ALL SELECT at FROM engagement_queue"
        " UNION ALL SELECT last_at FROM viewer_watches"
        " UNION ALL SELECT at FROM viewer_creator_affinity"
    ).fetchall()
    assert len(rows) == 4
    assert all(row["at"] <= datetime.now(UTC) for row in rows)


def test_nobody_sees_in_the_future_not_even_by_a_row_of_their_own(
    database: Database, owner: Connection, post: UUID
) -> None:
    seen = {"event_id": str(uuid.uuid4()), "post_id": str(post), "seen_at": FAR}
    call(
        database.app_url,
        VIEWER,
        "SELECT * FROM record_impressions(%s, NULL, %s)",
        [VIEWER, Jsonb([seen])],
    )
    call(
        database.app_url,
        VIEWER,
        "INSERT INTO user_post_impressions (user_id, post_id, seen_at, created_at)"
        " VALUES (%s, %s, %s, %s) RETURNING true AS done",
        [VIEWER, post, FAR, FAR],
    )
    rows = owner.execute(
        "SELECT greatest(seen_at, created_at) AS at FROM user_post_impressions"
        " UNION ALL SELECT seen_at FROM viewer_last_seen UNION ALL SELECT at FROM engagement_queue"
    ).fetchall()
    assert len(rows) == 4
    assert all(row["at"] <= datetime.now(UTC) for row in rows)


def test_a_first_impression_counts_once_however_often_its_row_is_removed(
    database: Database, owner: Connection, post: UUID
) -> None:
    for _ in range(5):
        call(
            database.app_url,
            VIEWER,
            "INSERT INTO user_post_impressions (user_id, post_id) VALUES (%s, %s)"
            " RETURNING true AS done",
            [VIEWER, post],
        )
        call(
            database.app_url,
            VIEWER,
            "DELETE FROM user_post_impressions WHERE user_id = %s RETURNING true AS done",
            [VIEWER],
        )
    assert counted(owner) == 1


def test_the_roll_ups_lock_can_be_held_by_nobody_else(database: Database) -> None:
    with (
        psycopg.connect(database.app_url) as holder,
        psycopg.connect(database.app_url) as working,
    ):
        holder.execute("SELECT pg_advisory_lock(hashtext('roll_up'), 0)")
        holder.execute("SELECT pg_advisory_lock(hashtext('prune'), 0)")
        assert working.execute("SELECT busy FROM roll_up(10)").fetchone() == (False,)
        assert len(working.execute("SELECT kind FROM prune(10)").fetchall()) > 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_function(database, "SELECT FROM upkeep_locks FOR UPDATE")


CLOCKS = {
    "fast": timedelta(minutes=2.5),
    "years ahead": timedelta(days=3650),
    "a month slow": -timedelta(days=31),
    "years behind": -timedelta(days=3650),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_devices_wrong_clock_loses_no_impression(
    database: Database, owner: Connection, post: UUID, clock: str
) -> None:
    session, served = uuid.uuid4(), datetime.now(UTC) - timedelta(hours=2)
    owner.execute(
        "INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries,"
        " created_at)"
        " VALUES (%s, %s, 0, 1, %s, '[]', %s)",
        [VIEWER, session, [post], served],
    )
    seen_at = datetime.now(UTC) + CLOCKS[clock]
    seen = {"event_id": str(uuid.uuid4()), "post_id": str(post), "seen_at": seen_at.isoformat()}
    for answer in ("accepted", "duplicate"):
        rows = call(
            database.app_url,
            VIEWER,
            "SELECT outcome FROM record_impressions(%s, %s, %s)",
            [VIEWER, session, Jsonb([seen])],
        )
        assert rows == [{"outcome": answer}]
    (row,) = owner.execute("SELECT seen_at FROM user_post_impressions").fetchall()
    if CLOCKS[clock] > timedelta(0):
        assert served < row["seen_at"] <= datetime.now(UTC)
    else:
        assert row["seen_at"] == served  # not before the page was served
    (candidate,) = call(
        database.app_url,
        VIEWER,
        "SELECT rung FROM feed_candidates(%s, %s, 24, 12)",
        [VIEWER, uuid.uuid4()],
    )
    assert candidate == {"rung": "seen"}


def test_claims_that_name_nobody_write_nothing(database: Database, post: UUID) -> None:
    for claims in ("", "{}", json.dumps({"role": "authenticated"})):
        with psycopg.connect(database.app_url) as connection:
            connection.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    "INSERT INTO user_post_impressions (user_id, post_id) VALUES (%s, %s)",
                    [VIEWER, post],
                )
