"""A function's process that is killed while it works on a request."""

from __future__ import annotations

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql

from local.demo.client import Viewer
from local.settings import StackSettings
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_SIZE = 6


@pytest.fixture(scope="module")
def stack(builds: Path) -> Iterator[Stack]:
    """A stack on the emulator, with two containers a function and sixty posts."""
    folder = Path(tempfile.mkdtemp(prefix="vroom-e2e-"))
    settings = StackSettings(
        state_dir=folder,
        durable=False,
        seed_posts=60,
        emulated=True,
        artifacts=builds,
        workers={},
        # The upkeep would wait for the same tables, and be killed in the place of the request.
        schedule_speed=0.001,
        # The function is to wait for the database until it is killed.
        environment={"DATABASE_BUDGET_MS": "10000"},
    )
    try:
        with Stack(settings) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def admin(stack: Stack) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.info["admin_database_url"], autocommit=True) as connection:
        yield connection


@contextmanager
def locked(stack: Stack, table: str) -> Iterator[None]:
    """Nobody else can write to the table."""
    with psycopg.connect(stack.info["admin_database_url"]) as connection:
        name = sql.Identifier(table)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
        yield


def kill_who_waits(admin: psycopg.Connection) -> None:
    """Waits until a function waits for a lock, and kills the process that asked."""
    deadline = time.monotonic() + 30
    port = None
    while port is None:
        assert time.monotonic() < deadline, "no function waits for a lock"
        row = admin.execute(
            "SELECT client_port FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND usename = 'vroom_app'"
        ).fetchone()
        port = row[0] if row else None
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # others of the stack may end meanwhile
            if not any(c.laddr.port == port for c in process.net_connections("tcp")):
                continue
            assert "awslambdaric" in process.cmdline()
            process.kill()
            return
    pytest.fail(f"no process of the stack has the port {port}")


def test_a_page_whose_function_was_killed_is_served_by_the_next_and_stays_the_same(
    stack: Stack, http: httpx.Client, admin: psycopg.Connection
) -> None:
    viewer, session = Viewer(http), uuid4()
    first = viewer.try_feed(session, None, PAGE_SIZE).json()
    cursor = first["next_cursor"]
    with ThreadPoolExecutor(1) as threads:
        with locked(stack, "feed_pages"):
            broken = threads.submit(viewer.try_feed, session, cursor, PAGE_SIZE)
            kill_who_waits(admin)
            answer = broken.result()
        assert answer.status_code == 502
        assert "message" in answer.json()
    retries = [viewer.try_feed(session, cursor, PAGE_SIZE) for _ in range(3)]
    assert [retry.status_code for retry in retries] == [200, 200, 200]
    pages = [[post["post_id"] for post in retry.json()["posts"]] for retry in retries]
    assert len(pages[0]) == PAGE_SIZE
    assert pages[0] == pages[1] == pages[2]
    assert not set(pages[0]) & {post["post_id"] for post in first["posts"]}
    again = viewer.try_feed(session, None, PAGE_SIZE).json()
    assert [p["post_id"] for p in again["posts"]] == [p["post_id"] for p in first["posts"]]


def test_impressions_acknowledged_before_and_after_a_kill_are_all_there_once(
    stack: Stack, http: httpx.Client, admin: psycopg.Connection
) -> None:
    viewer, session = Viewer(http), uuid4()
    posts = viewer.try_feed(session, None, PAGE_SIZE).json()["posts"]
    rows = [
        {
            "event_id": str(uuid4()),
            "post_id": post["post_id"],
            "source": post["source"],
            "position": post["position"],
            "visible_ms": 900,
            "seen_at": datetime.now(UTC).isoformat(),
        }
        for post in posts
    ]

    def report(some: list[dict[str, object]]) -> httpx.Response:
        body = {"session_id": str(session), "impressions": some}
        return viewer.request("POST", "/v1/impressions", json=body)

    acknowledged = report(rows[:2]).json()
    assert acknowledged["accepted"] == 2
    with ThreadPoolExecutor(1) as threads, locked(stack, "user_post_impressions"):
        broken = threads.submit(report, rows[2:])
        kill_who_waits(admin)
        assert broken.result().status_code == 502
    done = report(rows).json()
    assert done["accepted"] + done["duplicates"] == len(rows)
    assert done["duplicates"] >= 2
    kept = admin.execute(
        "SELECT post_id FROM user_post_impressions WHERE user_id = %s", (viewer.id,)
    ).fetchall()
    assert sorted(row[0] for row in kept) == sorted(UUID(post["post_id"]) for post in posts)
