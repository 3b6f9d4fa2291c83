"""What a page costs does not grow with how much a viewer has refused.

The cost is counted in buffers, which no busy machine changes. Retrieval and the commit of a page
look single targets up. The planner took other plans for as good where statistics were older than
the rows, so every test runs with statistics of both kinds, on tables vacuumed and not.
"""

import uuid
from collections.abc import Iterator
from typing import LiteralString
from uuid import UUID

import pytest

from tests.conftest import MigratedTemplate, copy_of
from tests.integration.database.clients import (
    operator,
    refresh_counters,
    wait_for_older_transactions,
)
from tests.integration.database.test_bounded_work import SESSION, Catalogue, filled, touched

# Many viewers with one refusal each. Statistics of these say that nobody has more.
OTHERS: LiteralString = """
  INSERT INTO feedback (user_id, action, post_id, creator_id)
  SELECT gen_random_uuid(), CASE n % 3 WHEN 0 THEN 'hide_creator' ELSE 'not_interested' END,
         gen_random_uuid(), gen_random_uuid()
  FROM generate_series(1, 3000) n
"""
# Half of the refusals are hidden creators. A tenth are reports. Some are of posts in the catalogue.
REFUSALS: LiteralString = """
  INSERT INTO feedback (user_id, action, post_id, creator_id)
  SELECT %(viewer)s, action, coalesce(p.id, gen_random_uuid()), gen_random_uuid()
  FROM generate_series(1, %(count)s::integer) n
  CROSS JOIN LATERAL (
    SELECT CASE WHEN n %% 2 = 0 THEN 'hide_creator' WHEN n %% 10 = 1 THEN 'report'
                ELSE 'not_interested' END
  ) a(action)
  LEFT JOIN posts p ON p.post_no = n / 10 AND n %% 10 = 3
"""
COMMIT: LiteralString = """
  SELECT * FROM commit_page(%s, gen_random_uuid(), 0, 0, %s, '{"page_size": 12}', %s, %s,
    '{"page_size": 12, "elapsed_ms": 1, "cache_hit": false, "stale_cursor": false}'::jsonb
    || jsonb_build_object('request_id', gen_random_uuid()))
"""
AFTER_THE_ROWS = {
    ("fresh statistics", "vacuumed"): "VACUUM (ANALYZE) feedback",
    ("fresh statistics", "as written"): "ANALYZE feedback",
    ("older statistics", "vacuumed"): "VACUUM feedback",
    ("older statistics", "as written"): "SELECT",
}
FEW, MANY = 400, 50_000


@pytest.fixture(scope="module", params=AFTER_THE_ROWS, ids=", ".join)
def viewers(
    migrated_template: MigratedTemplate, request: pytest.FixtureRequest
) -> Iterator[tuple[Catalogue, UUID, UUID]]:
    """A catalogue, a viewer with 400 refusals and one with 50,000."""
    with copy_of(migrated_template) as database, operator(database.admin_url) as connection:
        catalogue = filled(connection, 20_000, "vacuumed")
        connection.execute(OTHERS)
        connection.execute("VACUUM (ANALYZE) feedback")
        few, many = uuid.uuid4(), uuid.uuid4()
        for viewer, count in ((few, FEW), (many, MANY)):
            connection.execute(REFUSALS, {"viewer": viewer, "count": count})
            connection.execute(SESSION, {"viewer": viewer, "pages": 20})
        connection.execute(AFTER_THE_ROWS[request.param])
        yield catalogue, few, many


@pytest.mark.parametrize("later", [False, True], ids=["first page", "later page"])
@pytest.mark.parametrize("newest", [False, True], ids=["personal", "chronological"])
def test_a_page_costs_about_the_same_with_50_000_refusals(
    viewers: tuple[Catalogue, UUID, UUID], *, newest: bool, later: bool
) -> None:
    catalogue, few, many = viewers
    costs = [
        touched(
            catalogue,
            "SELECT * FROM feed_candidates(%s, %s, 200, 12, newest => %s)",
            viewer,
            viewer if later else None,
            newest,
        )
        for viewer in (few, many)
    ]
    # A lookup of each kind of refusal takes three buffers for each post that is looked at.
    assert costs[1] <= 2.5 * costs[0]


def test_a_page_reads_few_of_50_000_refusals(viewers: tuple[Catalogue, UUID, UUID]) -> None:
    """By the server's counters: the first rows of each kind, and what the lookups find."""
    catalogue, _, many = viewers

    def entries_read() -> int:
        refresh_counters(catalogue.connection)
        row = catalogue.connection.execute(
            "SELECT t.seq_tup_read + sum(i.idx_tup_read) AS entries"
            " FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)"
            " WHERE t.relname = 'feedback' GROUP BY t.relid, t.seq_tup_read"
        ).fetchone()
        assert row is not None
        return int(row["entries"])

    wait_for_older_transactions(catalogue.connection)
    for newest in (False, True):
        before = entries_read()
        catalogue.connection.execute(
            "SELECT * FROM feed_candidates(%s, %s, 200, 12, newest => %s)", [many, many, newest]
        )
        assert entries_read() - before <= 3 * 500


def test_a_commit_costs_about_the_same_with_50_000_refusals(
    viewers: tuple[Catalogue, UUID, UUID],
) -> None:
    catalogue, few, many = viewers
    rows = catalogue.connection.execute(
        "SELECT id FROM posts WHERE post_no BETWEEN 15000 AND 15199"
    ).fetchall()
    posts = [row["id"] for row in rows]
    costs = [
        touched(catalogue, COMMIT, viewer, posts[:12], posts[:12], posts) for viewer in (few, many)
    ]
    assert costs[1] <= 1.25 * costs[0]


def test_nothing_refused_among_50_000_is_a_candidate(
    viewers: tuple[Catalogue, UUID, UUID],
) -> None:
    """The newest posts are refused one way each, and the creator of others is hidden."""
    catalogue, _, many = viewers
    refused: set[UUID] = set()
    for action, offset in (("not_interested", 0), ("report", 20), ("hide_creator", 40)):
        rows = catalogue.connection.execute(
            "INSERT INTO feedback (user_id, action, post_id, creator_id)"
            " SELECT %s, %s, id, creator_id FROM posts"
            " WHERE post_no BETWEEN 19999 - %s AND 19999 - %s RETURNING post_id",
            [many, action, offset + 19, offset],
        ).fetchall()
        refused |= {row["post_id"] for row in rows}
    try:
        for newest in (False, True):
            rows = catalogue.connection.execute(
                "SELECT post_id FROM feed_candidates(%s, NULL, 200, 12, newest => %s)",
                [many, newest],
            ).fetchall()
            assert len(rows) == 200
            assert not refused & {row["post_id"] for row in rows}
        row = catalogue.connection.execute(
            "SELECT vroom_private.still_eligible(%s, %s) AS ids", [many, list(refused)]
        ).fetchone()
        assert row == {"ids": []}
    finally:
        catalogue.connection.execute(
            "DELETE FROM feedback WHERE user_id = %s AND post_id = ANY (%s)", [many, list(refused)]
        )
