"""History in a CSV file: checked as a whole before a row of it is taken over."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.mapping import MappedTable, MappingError, TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Mapping as StringMapping
    from pathlib import Path

    from psycopg import Connection

    from ops.adopt.mapping import MappedFile

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_KEY = 200
_LONGEST_DURATION_MS = 86_400_000
_FIELD_BYTES = 10_000
_COLUMN_TYPES = {"at": "timestamptz", "play_ms": "bigint", "duration_ms": "bigint"}
_INTEGERS = {"smallint", "integer", "bigint"}


class CsvError(MappingError):
    """A file cannot be taken over; nothing of it was."""

    def __init__(self, path: Path, row: int, column: str, problem: str) -> None:
        place = f"row {row}" + (f", column {column}" if column else "")
        super().__init__(f"{path.name}, {place}: {problem}")


def read_rows(
    path: Path, columns: StringMapping[str, str], key_types: StringMapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    """Return the rows of a file, each a tuple in the order of `columns`.

    Args:
        path: The file, in UTF-8, with commas between its fields and the columns' names in its
            first row.
        columns: What a column is for, to its name in the file.
        key_types: The types of the application's keys, of `user` and of `post`.

    Raises:
        CsvError: The file cannot be read, or a row of it is not what it should be. It names the
            row, of which the first is the one with the names, and the column.
    """
    csv.field_size_limit(_FIELD_BYTES)
    readers = {role: _reader(role, key_types) for role in columns}
    number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            names = next(rows, [])
            places = _places(path, names, columns)
            for number, fields in enumerate(rows, start=2):
                if len(fields) != len(names):
                    problem = f"it has {len(fields)} fields, and the first row has {len(names)}"
                    raise CsvError(path, number, "", problem)
                yield tuple(
                    _value(path, number, columns[role], read, fields[places[role]])
                    for role, read in readers.items()
                )
    except UnicodeDecodeError as error:
        raise CsvError(path, number + 1, "", "it is not UTF-8") from error
    except csv.Error as error:
        raise CsvError(path, number + 1, "", str(error)) from error
    except OSError as error:
        raise MappingError(f"{path} cannot be read: {error.strerror}") from error


def stage(
    connection: Connection[Any], kind: str, file: MappedFile, key_types: StringMapping[str, str]
) -> MappedTable:
    """Copy a file into a temporary table in the order of time, and return that table.

    The table is gone with the connection. Nothing is copied where a row is not what it should be.

    Raises:
        CsvError: See `read_rows`.
    """
    name = TableName("pg_temp", f"vroom_{kind}")
    table, unordered = (sql.Identifier(n) for n in (name.table, f"{name.table}_unordered"))
    shape = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(role), sql.SQL(_column_type(role, key_types)))
        for role in file.columns
    )
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(unordered, shape))
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(unordered)) as copy:
            for row in read_rows(file.path, file.columns, key_types):
                copy.write_row(row)
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(table))
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE {} AS SELECT * FROM {} ORDER BY at").format(table, unordered)
        )
    return MappedTable(name, {role: role for role in file.columns})


def _column_type(role: str, key_types: StringMapping[str, str]) -> str:
    if role in key_types:
        return "uuid" if key_types[role] == "uuid" else "text"
    return _COLUMN_TYPES[role]


def _places(path: Path, names: list[str], columns: StringMapping[str, str]) -> dict[str, int]:
    for name in columns.values():
        if names.count(name) != 1:
            problem = "there are two of it" if name in names else "the first row does not name it"
            raise CsvError(path, 1, name, problem)
    return {role: names.index(name) for role, name in columns.items()}


def _value(path: Path, row: int, column: str, read: Callable[[str], Any], text: str) -> Any:  # noqa: ANN401  # of the column's type
    try:
        return read(text)
    except ValueError as error:
        raise CsvError(path, row, column, str(error)) from error


def _reader(role: str, key_types: StringMapping[str, str]) -> Callable[[str], Any]:
    if role in key_types:
        kind = key_types[role]
        return _uuid if kind == "uuid" else _number_key if kind in _INTEGERS else _text_key
    return _time if role == "at" else _play_ms if role == "play_ms" else _duration_ms


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError(f"{_shown(text)} is no UUID")
    return text.lower()


def _number_key(text: str) -> str:
    """Return the number as Postgres writes it, so that 007 and 7 are one key."""
    return str(_whole(text))


def _text_key(text: str) -> str:
    if not text or len(text) > _LONGEST_KEY or "\0" in text:
        raise ValueError(f"{_shown(text)} is no key: it is empty, too long or has a null character")
    return text


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{_shown(text)} is no time as 2026-11-01T12:00:00Z") from error
    if at.tzinfo is None:
        raise ValueError(f"{_shown(text)} has no time zone")
    return at


def _play_ms(text: str) -> int:
    return _bounded(text, 0, 10 * _LONGEST_DURATION_MS)


def _duration_ms(text: str) -> int:
    return _bounded(text, 1, _LONGEST_DURATION_MS)


def _bounded(text: str, least: int, most: int) -> int:
    number = _whole(text)
    if not least <= number <= most:
        raise ValueError(f"{_shown(text)} is not between {least:,} and {most:,}")
    return number


def _whole(text: str) -> int:
    # int() would also take spaces, underscores and digits of other scripts.
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise ValueError(f"{_shown(text)} is no whole number")
    return int(text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")  # noqa: PLR2004  # enough to find it
