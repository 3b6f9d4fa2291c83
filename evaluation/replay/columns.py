"""Reads columns of a log, and names the row where one cannot be read."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_HEADER_ROWS = 1  # the row numbers in errors count from the header, as an editor shows them
_EARLIEST_S = -62_135_596_800.0  # the year 1, the first that Python and Postgres both know
_LATEST_S = 1e11  # the year 5138: a greater time is in milliseconds
_LONGEST = 10_000  # bytes of a cell
_MOST_TAGS, _LONGEST_TAG = 30, 400  # what uploads and the database take; bytes
_TRUE = frozenset({"1", "true", "t", "yes"})
_FALSE = frozenset({"0", "false", "f", "no", ""})


class LogError(ValueError):
    """A log cannot be replayed. The text says why, and where."""


def as_array(column: object) -> pa.Array:
    """Return a column as one Arrow array."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    return column if isinstance(column, pa.Array) else pa.array(column)


def plain(name: str, column: pa.Array) -> pa.Array:
    """Return a column whose values are numbers, times, texts, or (of `tags`) lists of texts.

    Raises:
        LogError: It holds something else, or a text that cannot be stored; the error names the row.
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        inner = column.type.value_type
        if name == "tags" and (_holds_texts(inner) or pa.types.is_null(inner)):
            return column
    if pa.types.is_nested(column.type):
        raise LogError(f"row 2: {name} holds {column.type!s:.60}, which cannot be read")
    if _holds_texts(column.type) or pa.types.is_binary(column.type):
        return _as_texts(name, column)
    return column


def _holds_texts(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(kind) for is_kind in kinds)


def _as_texts(name: str, column: pa.Array) -> pa.Array:
    """Return a column of bytes as texts, where all of them can be."""
    raw = pc.cast(column, pa.large_binary())
    for index in _true_rows(pc.greater(pc.binary_length(raw), _LONGEST)):
        raise LogError(f"row {row_number(index)}: {name} is longer than {_LONGEST:,} bytes")
    for index in _true_rows(pc.match_substring(raw, "\0")):
        raise LogError(f"row {row_number(index)}: {name} holds a NUL")
    try:
        return pc.cast(raw, pa.large_string())
    except pa.ArrowInvalid:
        for index, value in enumerate(raw.to_pylist()):
            try:
                (value or b"").decode()
            except UnicodeDecodeError:
                raise LogError(f"row {row_number(index)}: {name} is not UTF-8") from None
        raise


def _true_rows(found: pa.Array) -> list[int]:
    rows: list[int] = np.flatnonzero(np.asarray(pc.fill_null(found, False))).tolist()
    return rows


def codes(name: str, column: pa.Array) -> tuple[NDArray[np.int64], int]:
    """Each value's index among the values in their order of appearance, and how many there are."""
    _refuse_gaps(name, column)
    try:
        encoded = pc.dictionary_encode(column)
    except pa.ArrowNotImplementedError:
        raise LogError(f"row 2: {name} holds {column.type!s:.60}, which is no id") from None
    return encoded.indices.to_numpy().astype(np.int64), len(encoded.dictionary)


def times(name: str, column: pa.Array, *, required: bool) -> NDArray[np.float64]:
    """Times in seconds since 1970; NaN where a time that is not required is missing."""
    if required:
        _refuse_gaps(name, column)
    if pa.types.is_timestamp(column.type):
        micros = pc.cast(
            pc.cast(column, pa.timestamp("us", column.type.tz), safe=False), pa.int64()
        )
        found = _floats(micros) / 1e6
    else:
        found = parsed(name, column, _time)
    known = ~np.asarray(column.is_null())
    if len(late := np.flatnonzero(found > _LATEST_S)):
        raise LogError(
            f"row {row_number(late[0])}: {name} wants seconds since 1970, not milliseconds"
        )
    if len(bad := np.flatnonzero(known & ~(found >= _EARLIEST_S))):
        raise LogError(f"row {row_number(bad[0])}: {name} is no time")
    return found


def tag_list(row: int, value: str | Sequence[str | None]) -> tuple[str, ...]:
    """Tags come as a list, or as one text with bars between them.

    Raises:
        LogError: There are too many, or one cannot be stored; the text names the row.
    """
    parts = value.split("|") if isinstance(value, str) else value
    tags = tuple(dict.fromkeys(tag.strip() for tag in parts if tag and tag.strip()))
    if len(tags) > _MOST_TAGS:
        raise LogError(f"row {row_number(row)}: tags are more than {_MOST_TAGS}")
    for tag in tags:
        if "\0" in tag or len(tag.encode()) > _LONGEST_TAG:
            raise LogError(
                f"row {row_number(row)}: tags hold a NUL, or a tag of over {_LONGEST_TAG} bytes"
            )
    return tags


def parsed(name: str, column: pa.Array, parse: Callable[[str], float]) -> NDArray[np.float64]:
    """A column as numbers, NaN where it is empty; text is parsed cell by cell."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    if pa.types.is_float16(column.type):
        column = pc.cast(column, pa.float32())
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        found = _floats(column)
    else:
        found = np.empty(len(column))
        for i, cell in enumerate(column.to_pylist()):
            try:
                found[i] = math.nan if cell is None else parse(str(cell).strip())
            except (ValueError, OverflowError):
                raise LogError(
                    f"row {row_number(i)}: {name} is {cell!r:.60}, which is unreadable"
                ) from None
    if len(bad := np.flatnonzero(np.isinf(found))):
        raise LogError(f"row {row_number(bad[0])}: {name} must be finite")
    return found


def _floats(column: pa.Array) -> NDArray[np.float64]:
    return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _time(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        moment = datetime.fromisoformat(cell)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def truth(cell: str) -> float:
    """Return 1 for a word that means yes and 0 for one that means no.

    Raises:
        ValueError: The word means neither.
    """
    if cell.lower() in _TRUE:
        return 1.0
    if cell.lower() in _FALSE:
        return 0.0
    raise ValueError(cell)


def _refuse_gaps(name: str, column: pa.Array) -> None:
    if column.null_count:
        first = int(np.flatnonzero(np.asarray(column.is_null()))[0])
        raise LogError(f"row {row_number(first)}: {name} is empty")


def row_number(index: int) -> int:
    """The number of a row of data as an editor shows it."""
    return int(index) + 1 + _HEADER_ROWS
