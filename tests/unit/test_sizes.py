"""How long modules, functions and lines of the deployed code may be, and why some are longer."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
MODULE_LINES, FUNCTION_LINES, SQL_WIDTH = 250, 60, 120

# What is longer, and why.
LONGER = {
    "shared/ranking.py": "all that makes a score stands in one place, with the formulas' sources",
    "db/migrations/20261103000200_catalogue_counting.sql": (
        "the figures that one batch of the queue changes, each counted by the same rule"
    ),
    "db/migrations/20261104000100_viewers_history.sql": (
        "the tables of a viewer's history, each beside its indexes, policies and partitions"
    ),
    "db/migrations/20261106000100_viewers_commit_page.sql": "one statement's steps, in their order",
    "db/migrations/20261106000300_viewers_watches.sql": "one statement's steps, in their order",
    "db/migrations/20261107000100_viewers_data.sql": (
        "export, erasure and reset go through one list of tables, and have to agree on it"
    ),
    "vroom_private.describe_found": "a list of columns, one a line",
}

SQL_FUNCTION = re.compile(
    r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) ([\w.]+)(?:(?!CREATE ).)*?"
    r"AS (\$\w*\$).*?\2",
    re.DOTALL,
)


def python_files() -> list[Path]:
    return [p for name in ("functions", "shared") for p in (ROOT / name).rglob("*.py")]


def sql_files() -> list[Path]:
    return [*(ROOT / "db").rglob("*.sql"), *(ROOT / "shared").rglob("*.sql")]


def python_functions() -> Iterator[tuple[str, int]]:
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.relative_to(ROOT)}:{node.name}"
                yield name, (node.end_lineno or node.lineno) - node.lineno + 1


def sql_functions() -> Iterator[tuple[str, int]]:
    for path in sql_files():
        for found in SQL_FUNCTION.finditer(path.read_text()):
            yield found[1], found[0].count("\n") + 1


def modules() -> Iterator[tuple[str, int]]:
    for path in (*python_files(), *sql_files()):
        yield str(path.relative_to(ROOT)), path.read_text().count("\n")


def longer() -> dict[str, int]:
    functions = dict([*python_functions(), *sql_functions()])
    return {name: lines for name, lines in modules() if lines > MODULE_LINES} | {
        name: lines for name, lines in functions.items() if lines > FUNCTION_LINES
    }


def test_the_measure_sees_every_kind() -> None:
    assert {"public.commit_page", "vroom_private.assert_viewer"} <= dict(sql_functions()).keys()
    assert "functions/feed_ranker/app.py:lambda_handler" in dict(python_functions())


def test_what_is_longer_has_a_reason() -> None:
    assert {name: lines for name, lines in longer().items() if name not in LONGER} == {}


def test_no_reason_outlives_its_need() -> None:
    assert LONGER.keys() <= longer().keys()


def test_lines_of_sql_fit_a_screen() -> None:
    wide = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sql_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > SQL_WIDTH
    ]
    assert not wide
