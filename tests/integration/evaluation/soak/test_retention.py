"""The upkeep removes what a soak makes old, and the soak sees whether it has."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import psycopg

from evaluation.soak import retention

if TYPE_CHECKING:
    from tests.conftest import Database

REQUEST = (
    "INSERT INTO feed_requests (user_id, response_time_ms, cache_hit, created_at)"
    " VALUES (%s, 1, true, now() - %s::interval)"
)
PAGE = (
    "INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries, created_at)"
    " VALUES (%s, gen_random_uuid(), 0, 1, '{}', '{}', now() - %s::interval)"
)


def test_what_is_made_old_is_there_until_the_upkeep_has_removed_it(database: Database) -> None:
    viewer = uuid.uuid4()
    with psycopg.connect(database.admin_url, autocommit=True) as owner:
        for statement in (REQUEST, PAGE):
            owner.execute(statement, [viewer, "1 hour"])
        assert retention.begin(database.admin_url) == 2
        assert retention.left(database.admin_url) == 2
        for statement in (REQUEST, PAGE):
            owner.execute(statement, [viewer, "1 hour"])
        owner.execute("SELECT * FROM prune(500, interval '30 days')")
        assert retention.left(database.admin_url) == 0
        kept = owner.execute(
            "SELECT (SELECT count(*) FROM feed_requests), (SELECT count(*) FROM feed_pages)"
        ).fetchone()
    assert kept == (1, 1)
