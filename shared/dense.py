"""Columns as bytes where a text takes more: whole numbers, and ids made of letters and digits.

A compressor of texts finds nothing in random digits, and spends more bits on each than it tells.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# How a column was written. Of whole numbers: the least, the step, and the bits of each. Of ids: the
# letters that all of them begin with, and how many bytes the rest of all of them takes.
Form = tuple[int, int, int] | tuple[str, int]

_SHORTEST: Final = 16  # letters of an id: shorter ones are words, which a compressor knows
_BETWEEN: Final = "-"  # in base64's alphabet, and in no id
_LETTERS: Final = 4  # of base64, in three bytes


def written(columns: Iterable[Sequence[Any]], count: int) -> tuple[list[Any], list[Form], bytes]:
    """Write those columns as bytes that take less so.

    Args:
        columns: The columns. One that has no value for each row is left as it is.
        count: The number of rows.

    Returns:
        The columns, with None for each that was written as bytes; the forms of those; the bytes.
    """
    kept: list[Any] = []
    forms: list[Form] = []
    parts: list[bytes] = []
    for column in columns:
        made = _numbers(column) or _ids(column) if column and len(column) == count else None
        kept.append(None if made else column)
        if made:
            forms.append(made[0])
            parts.append(made[1])
    return kept, forms, b"".join(parts)


def read(kept: Iterable[Any], forms: Iterable[Any], count: int, data: bytes) -> list[Any]:
    """Read the columns that `written` has written.

    Args:
        kept: The columns, with None for each that was written as bytes.
        forms: The forms of those.
        count: The number of rows.
        data: The bytes.
    """
    coming, at = iter(forms), 0
    columns = []
    for column in kept:
        if column is not None:
            columns.append(column)
            continue
        first, *step, size = next(coming)
        end = at + (_bytes_of(size * count) if step else size)
        part, at = data[at:end], end
        columns.append(
            _read_numbers(first, step[0], size, count, part)
            if step
            else _read_ids(first, count, part)
        )
    return columns


def _bytes_of(bits: int) -> int:
    return (bits + 7) // 8


def _numbers(column: Sequence[Any]) -> tuple[Form, bytes] | None:
    """Write whole numbers, each with as many bits as the largest of them needs."""
    if {*map(type, column)} != {int}:
        return None
    least, most = min(column), max(column)
    if least > 0 and most.bit_length() == (most - least).bit_length():
        least = 0  # it takes nothing off
    above = [value - least for value in column]
    step = math.gcd(*above) or 1
    bits = ((most - least) // step).bit_length()
    joined = 0
    for value in reversed(above):
        joined = joined << bits | value // step
    return (least, step, bits), joined.to_bytes(_bytes_of(bits * len(column)), "little")


def _read_numbers(least: int, step: int, bits: int, count: int, data: bytes) -> list[int]:
    if not bits:
        return [least] * count
    joined, most = int.from_bytes(data, "little"), (1 << bits) - 1
    return [least + step * (joined >> at & most) for at in range(0, bits * count, bits)]


def _ids(column: Sequence[Any]) -> tuple[Form, bytes] | None:
    """Write ids with six bits for each letter. One that is lacking is an empty text."""
    present = [value for value in column if value != ""]
    if {*map(type, present)} != {str} or min(map(len, present)) < _SHORTEST:
        return None
    letters = "".join(present)
    if not (letters.isascii() and letters.isalnum()):
        return None
    if len({*present}) < len(present):  # a compressor writes an id once
        return None
    least, most = min(column), max(column)  # what these begin with, all do
    pairs = enumerate(zip(least, most, strict=False))
    first = least[: next((i for i, (a, b) in pairs if a != b), len(least))]
    text = _BETWEEN.join(value.removeprefix(first) for value in column)
    text += _BETWEEN * (-len(text) % _LETTERS)
    data = base64.urlsafe_b64decode(text)
    return (first, len(data)), data


def _read_ids(first: str, count: int, data: bytes) -> list[str]:
    text = base64.urlsafe_b64encode(data).decode()
    return [first + rest for rest in text.split(_BETWEEN)[:count]]
