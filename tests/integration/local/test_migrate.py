from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

import psycopg
import pytest

from local.migrate import main, migrate
from local.paths import MIGRATIONS
from local.services.pgwheel import PSQL
from tests.pooler import needs_pgbouncer, transaction_pooler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database, PostgresServer

TRICKY = """-- A file that naive splitting breaks.
CREATE FUNCTION answer() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    IF 1 % 2 = 1 THEN RETURN 'a;b' || $$;$$; END IF;
    RETURN ':name %(x)s %';
END $body$;
CREATE FUNCTION atomic() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "2_rows.sql").write_text("INSERT INTO a VALUES (1); INSERT INTO a VALUES (2);")
    (tmp_path / "1_table.sql").write_text("CREATE TABLE a (n int);")
    (tmp_path / "3_tricky.sql").write_text(TRICKY)
    return tmp_path


@pytest.fixture
def empty_url(postgres: PostgresServer) -> Iterator[str]:
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE vroom_test_migrate")
        yield postgres.url("vroom_test_migrate")
        connection.execute("DROP DATABASE vroom_test_migrate WITH (FORCE)")


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_files_are_applied_in_order_and_once(empty_url: str, folder: Path) -> None:
    assert migrate(empty_url, folder) == ["1_table", "2_rows", "3_tricky"]
    assert migrate(empty_url, folder) == []
    assert rows(empty_url, "SELECT n FROM a ORDER BY n") == [(1,), (2,)]
    assert rows(empty_url, "SELECT answer(), atomic()") == [("a;b;", 2)]


def test_only_new_files_are_applied(empty_url: str, folder: Path) -> None:
    migrate(empty_url, folder)
    (folder / "4_more.sql").write_text("INSERT INTO a VALUES (3)")
    assert migrate(empty_url, folder) == ["4_more"]


def test_a_failed_file_leaves_nothing_and_can_be_mended(empty_url: str, folder: Path) -> None:
    bad = folder / "4_bad.sql"
    bad.write_text("INSERT INTO a VALUES (3); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_url, folder)
    assert rows(empty_url, "SELECT count(*) FROM a") == [(2,)]
    bad.write_text("INSERT INTO a VALUES (3)")
    assert migrate(empty_url, folder) == ["4_bad"]


def test_several_at_once_apply_each_file_once(empty_url: str, folder: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: migrate(empty_url, folder), range(4)))
    assert sorted(chain.from_iterable(applied)) == ["1_table", "2_rows", "3_tricky"]
    assert rows(empty_url, "SELECT count(*) FROM a") == [(2,)]


@needs_pgbouncer
def test_a_pooler_keeps_nothing_of_a_run(empty_url: str, folder: Path, scratch: Path) -> None:
    with transaction_pooler(empty_url, scratch / f"pooler-{folder.name}") as pooled:
        with ThreadPoolExecutor(2) as threads:
            applied = list(threads.map(lambda _: migrate(pooled, folder), range(2)))
        assert sorted(chain.from_iterable(applied)) == ["1_table", "2_rows", "3_tricky"]
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert rows(empty_url, held) == [(0,)]
        # What another client finds on the connection that the runs have used.
        left = (
            "SELECT (SELECT count(*) FROM pg_prepared_statements), current_setting('search_path')"
        )
        assert rows(pooled, left) == [(0, '"$user", public')]
    assert migrate(empty_url, folder) == []


def test_query_parameters_of_the_url_count(empty_url: str, folder: Path) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA other")
    joiner = "&" if "?" in empty_url else "?"
    url = f"{empty_url}{joiner}options=-c%20search_path%3Dother&application_name=m"
    migrate(url, folder)
    assert rows(empty_url, "SELECT count(*) FROM other.a") == [(2,)]


def test_the_schema_is_complete_and_applying_it_again_does_nothing(database: Database) -> None:
    assert migrate(database.admin_url) == []
    tables = {row[0] for row in rows(database.admin_url, "SELECT tablename FROM pg_tables")}
    assert {"posts", "follows", "user_post_impressions"} <= tables


def test_psql_in_file_order_does_the_same(empty_url: str) -> None:
    command = [str(PSQL), empty_url, "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    for file in sorted(MIGRATIONS.glob("*.sql")):
        subprocess.run([*command, "-f", str(file)], check=True)  # noqa: S603
    assert rows(empty_url, "SELECT count(*) FROM posts") == [(0,)]


def test_the_roles_connect_with_their_own_urls(database: Database) -> None:
    assert rows(database.app_url, "SELECT current_user::text") == [("vroom_app",)]
    assert rows(database.webhook_url, "SELECT current_user::text") == [("vroom_webhook",)]
    query = (
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname LIKE $$v%$$"
    )
    assert rows(database.admin_url, query) == [(False,), (False,)]


def test_each_test_has_a_database_of_its_own(database: Database) -> None:
    assert rows(database.admin_url, "SELECT current_database()::text") == [(database.name,)]
    assert rows(database.admin_url, "SELECT count(*) FROM posts") == [(0,)]


def test_the_command_says_what_it_applied(
    empty_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(list(MIGRATIONS.glob("*.sql")))
    assert main([empty_url]) == 0
    output = capsys.readouterr().out.splitlines()
    assert (len(output), output[-1]) == (count + 1, f"{count} migrations applied")
    assert main([empty_url]) == 0
    assert capsys.readouterr().out == "nothing to do\n"


@pytest.mark.parametrize("url", ["nonsense", "postgresql://127.0.0.1:1/x?connect_timeout=2"])
def test_a_database_out_of_reach_is_a_clear_error(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([url]) == 1
    assert capsys.readouterr().err.startswith("Not migrated: ")


def test_what_is_no_url_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://owner:hunter2@host/vroom"]) == 1
    assert capsys.readouterr().err == "Not migrated: This is no Postgres URL.\n"


def test_without_a_url_the_usage_is_shown() -> None:
    command = [sys.executable, "-m", "local.migrate", ""]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("Usage")
