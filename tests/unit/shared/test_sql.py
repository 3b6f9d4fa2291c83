from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared import sql

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(sql.__file__).parents[2]
FILES = sorted(path.stem for path in Path(sql.__file__).parent.glob("*.sql"))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Makes `sql.load("file")` read the text given."""
    monkeypatch.setattr("shared.sql.resources.files", lambda _: tmp_path)

    def write(text: str) -> None:
        (tmp_path / "file.sql").write_text(text, encoding="utf-8")

    return write


@pytest.mark.parametrize("file", FILES)
def test_every_file_of_statements_can_be_read(file: str) -> None:
    statements = sql.load(file)
    assert statements
    assert all(text and not text.endswith(b";") for text in statements.values())


def test_every_statement_that_a_function_names_exists_and_none_is_left_unused() -> None:
    sources = [*ROOT.glob("functions/**/*.py"), *ROOT.glob("shared/*.py")]
    used = set(
        re.findall(r'sql\.FEED\["(\w+)"\]', "\n".join(path.read_text("utf-8") for path in sources))
    )
    assert used == set(sql.FEED)


def test_statements_are_told_apart_by_their_names(written: Callable[[str], None]) -> None:
    written("-- About.\n\n-- name: one\nSELECT 1; -- no\n\n-- name: two\nSELECT\n  'ü';\n")
    assert sql.load("file") == {"one": b"SELECT 1; -- no", "two": "SELECT\n  'ü'".encode()}


def test_a_name_that_stands_twice_is_refused(written: Callable[[str], None]) -> None:
    written("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")
    with pytest.raises(ValueError, match="stands twice"):
        sql.load("file")


def test_sql_before_the_first_name_is_refused(written: Callable[[str], None]) -> None:
    written("SELECT 0;\n-- name: one\nSELECT 1;\n")
    with pytest.raises(ValueError, match="before the first name"):
        sql.load("file")
