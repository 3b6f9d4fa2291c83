"""No path of the simulated feed reads the real clock, and the real schema is what runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from evaluation.clock import _REAL_NOW, START, Clock, LeakyClockError, install_clock
from evaluation.simulation.scale import SMALL

if TYPE_CHECKING:
    from tests.conftest import Database
    from tests.integration.evaluation.conftest import Lived

COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name
FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.data_type LIKE 'timestamp%%'
  AND c.table_schema IN ('public', 'vroom_private', 'auth')
  AND c.table_name <> 'vroom_migrations'
"""
SOURCES = """
SELECT pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace IN ('public'::regnamespace, 'vroom_private'::regnamespace)
  AND p.prokind IN ('f', 'p')
UNION ALL
SELECT pg_get_viewdef(c.oid) FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
UNION ALL
SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'vroom_migrations'
"""


def test_nothing_that_was_written_lies_outside_of_the_simulated_time(lived: Lived) -> None:
    earliest = START - timedelta(days=15)
    latest = START + timedelta(seconds=SMALL.seconds) + timedelta(days=1)
    written = 0
    with psycopg.connect(lived.database.admin_url) as connection:
        for schema, table, column in connection.execute(COLUMNS).fetchall():
            query = sql.SQL(
                "SELECT min({0}), max({0}), count({0}) FROM {1} WHERE isfinite({0})"
            ).format(sql.Identifier(column), sql.Identifier(schema, table))
            row = connection.execute(query).fetchone()
            assert row is not None
            first, last, count = row
            written += count
            if count:
                assert first >= earliest, f"{table}.{column}: {first}"
                assert last <= latest, f"{table}.{column}: {last}"
    assert written > 1_000


def test_the_world_left_its_traces_in_the_tables_that_are_learnt_from(lived: Lived) -> None:
    with psycopg.connect(lived.database.admin_url) as connection:
        for table in (
            "user_post_impressions",
            "watch_events",
            "viewer_tag_affinity",
            "creator_quality",
            "feed_requests",
            "follows",
        ):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            row = connection.execute(query).fetchone()
            assert row is not None
            assert row[0] > 0, table


def test_no_function_view_or_default_is_left_that_names_the_real_clock(lived: Lived) -> None:
    with psycopg.connect(lived.database.admin_url) as connection:
        connection.execute("SET search_path = public")  # as sources are written
        sources = [text for (text,) in connection.execute(SOURCES).fetchall()]
    assert any("simulated.now()" in text for text in sources)
    for text in sources:
        assert not _REAL_NOW.search(text.replace("simulated.now()", "")), text


def test_the_schema_is_the_real_one_but_for_the_clock(database: Database, lived: Lived) -> None:
    def functions(url: str) -> dict[str, tuple[str, ...]]:
        query = """
            SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proacl::text
            FROM pg_proc p WHERE p.pronamespace IN
              ('public'::regnamespace, 'vroom_private'::regnamespace) AND p.prokind IN ('f', 'p')
        """
        with psycopg.connect(url) as connection:
            connection.execute("SET search_path = public")
            return {n: (d, a) for n, d, a in connection.execute(query).fetchall()}

    real, simulated = functions(database.admin_url), functions(lived.database.admin_url)
    assert real.keys() == simulated.keys()
    for name, (definition, rights) in real.items():
        assert simulated[name][1] == rights, name
        redirected = _REAL_NOW.sub("simulated.now()", definition)
        assert simulated[name][0] == redirected, name


def test_the_clock_is_seen_by_the_functions_role_at_once(lived: Lived) -> None:
    with (
        psycopg.connect(lived.backend.admin_url, autocommit=True) as admin,
        psycopg.connect(lived.backend.app_url, autocommit=True) as app,
    ):
        clock = Clock(admin)
        for seconds in (3_600.0, 7_200.0):
            set_to = clock.set(seconds)
            row = app.execute("SELECT now()").fetchone()
            assert row == (set_to,)
            assert clock.now(UTC) == set_to == START + timedelta(seconds=seconds)


def test_the_functions_role_cannot_set_the_clock(lived: Lived) -> None:
    with (
        psycopg.connect(lived.backend.app_url) as app,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        app.execute("UPDATE simulated.clock SET at = %s", (datetime.now(UTC),))


def test_a_policy_that_reads_the_clock_is_not_passed_over(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("CREATE POLICY recent ON public.feed_pages USING (created_at > now())")
    with pytest.raises(LeakyClockError, match="recent"):
        install_clock(database.admin_url)
