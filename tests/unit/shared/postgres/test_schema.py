from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.postgres.schema import SCHEMA_VERSION, SchemaMismatchError, check

MIGRATIONS = Path(__file__).parents[4] / "db" / "migrations"


@pytest.mark.parametrize(("version", "oldest_code"), [(2, 2), (2, 1), (3, 2), (9, 1)])
def test_code_runs_on_its_own_schema_and_on_newer_ones_that_still_serve_it(
    version: int, oldest_code: int
) -> None:
    check(version, oldest_code, needed=2)


@pytest.mark.parametrize(
    ("version", "oldest_code", "reason"),
    [
        (1, 1, "the database has schema version 1 and this code needs 2: run the migrations"),
        (3, 3, "serves code from version 3 on, and this code is of version 2: deploy a newer"),
    ],
)
def test_a_schema_that_is_behind_or_too_far_ahead_is_named_in_the_log_alone(
    version: int, oldest_code: int, reason: str
) -> None:
    with pytest.raises(SchemaMismatchError) as refused:
        check(version, oldest_code, needed=2)
    assert reason in " ".join(refused.value.__notes__)
    assert "schema" not in refused.value.detail


def test_the_last_migration_of_a_release_says_the_version_that_the_code_needs() -> None:
    files = sorted(MIGRATIONS.glob("*.sql"))
    assert files[-1].stem.endswith("_schema_version")
    (version,) = re.findall(r"SELECT (\d+), \d+ \$\$", files[-1].read_text(encoding="utf-8"))
    assert int(version) == SCHEMA_VERSION
