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
_LATEST_S = 1e11  # the year 5138: a greater time is in milliseconds
_TRUE = frozenset({"1", "true", "t", "yes"})
_FALSE = frozenset({"0", "false", "f", "no", ""})


class LogError(ValueError):
    """A log cannot be replayed. The text says why, and where."""


def as_array(column: object) -> pa.Array:
    """Return a column as one Arrow array."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    return column if isinstance(column, pa.Array) else pa.array(column)


def codes(name: str, column: pa.Array) -> tuple[NDArray[np.int64], int]:
    """Each value's index among the values in their order of appearance, and how many there are."""
    _refuse_gaps(name, column)
    encoded = pc.dictionary_encode(column)
    return encoded.indices.to_numpy().astype(np.int64), len(encoded.dictionary)


def times(name: str, column: pa.Array, *, required: bool) -> NDArray[np.float64]:
    """Times in seconds since 1970; NaN where a time that is not required is missing."""
    if required:
        _refuse_gaps(name, column)
    if pa.types.is_timestamp(column.type):
        micros = pc.cast(pc.cast(column, pa.timestamp("us", column.type.tz)), pa.int64())
        return _floats(micros) / 1e6
    found = parsed(name, column, _time)
    if len(late := np.flatnonzero(found > _LATEST_S)):
        raise LogError(
            f"row {row_number(late[0])}: {name} wants seconds since 1970, not milliseconds"
        )
    return found


def tag_list(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Tags come as a list, or as one text with bars between them."""
    parts = value.split("|") if isinstance(value, str) else value or ()
    return tuple(dict.fromkeys(tag.strip() for tag in parts if tag and tag.strip()))


def parsed(name: str, column: pa.Array, parse: Callable[[str], float]) -> NDArray[np.float64]:
    """A column as numbers, NaN where it is empty; text is parsed cell by cell."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        found = _floats(column)
    else:
        found = np.empty(len(column))
        for i, cell in enumerate(column.to_pylist()):
            try:
                found[i] = math.nan if cell is None else parse(str(cell).strip())
            except ValueError:
                raise LogError(
                    f"row {row_number(i)}: {name} is {cell!r}, which is unreadable"
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
