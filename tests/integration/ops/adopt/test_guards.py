"""What the migrations refuse, by name, before they change anything."""

from __future__ import annotations

import re

import psycopg
import pytest

from local.migrate import migrate
from local.paths import MIGRATIONS

FIRST = min(MIGRATIONS.glob("*.sql")).read_text()


def test_the_first_migration_knows_every_table_and_view_that_the_others_make() -> None:
    made = re.compile(
        r"^CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) public\.(\w+)", re.MULTILINE
    )
    names = {name for file in MIGRATIONS.glob("*.sql") for name in made.findall(file.read_text())}
    listed = FIRST[FIRST.index("ARRAY[") : FIRST.index("];")]
    assert set(re.findall(r"'(\w+)'", listed)) == names


@pytest.mark.parametrize("table", ["feedback", "uploads", "feature_flags"])
def test_a_table_of_the_application_with_a_name_of_the_feed_s_is_refused(
    empty_database: str, table: str
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute(f"CREATE TABLE public.{table} (id bigint, body text)")
        with pytest.raises(psycopg.Error, match=rf"public\.{table} exists already"):
            migrate(empty_database)
        found = owner.execute("SELECT to_regnamespace('vroom_private') IS NULL").fetchone()
        assert found == (True,)
        secured = owner.execute(
            "SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", [f"public.{table}"]
        ).fetchone()
    assert secured == (False,)


def test_migrations_that_ran_once_run_again(empty_database: str) -> None:
    migrate(empty_database)
    with psycopg.connect(empty_database, autocommit=True) as owner:
        for file in sorted(MIGRATIONS.glob("*.sql")):
            owner.execute(file.read_text())


def test_no_file_does_anything_where_the_first_one_refused() -> None:
    guard = "DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;"
    for file in sorted(MIGRATIONS.glob("*.sql"))[1:]:
        first = re.search(r"^(?!--|BEGIN;|\s*$).+", file.read_text(), re.MULTILINE)
        assert first is not None, file.name
        assert first[0] == guard, file.name
