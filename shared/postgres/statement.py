"""A statement and what runs it, as the functions see them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

_PARAMETER: Final = re.compile(rb"%(?:\((\w+)\)s|(.?))", re.DOTALL)


def as_they_are(*columns: object) -> tuple[Any, ...]:
    """Return the columns' values as a row."""
    return columns


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with its named parameters, and how a row is made of its columns.

    Attributes:
        sql: SQL with parameters written as `%(name)s`; a literal percent sign is written `%%`.
        params: A value for each name.
        make_row: Makes a row of the columns' values.
    """

    sql: bytes
    params: Mapping[str, Any] = field(default_factory=dict)
    make_row: Callable[..., Any] = as_they_are


class Database(Protocol):
    """What the functions need of Postgres."""

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        """Run statements in one transaction and one round trip; a list of rows for each."""


@functools.lru_cache(maxsize=256)
def numbered(sql: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Write a statement as the server takes it.

    Returns:
        The SQL with `$1`, `$2` and so on, and the names of the parameters in that order. A name
        that stands twice is one parameter.

    Raises:
        ValueError: A percent sign is neither doubled nor the start of `%(name)s`.
    """
    names: list[str] = []

    def replace(found: re.Match[bytes]) -> bytes:
        name, other = found.groups()
        if name is None:
            if other == b"%":
                return b"%"
            raise ValueError("a percent sign stands alone in a statement")
        text = name.decode()
        if text not in names:
            names.append(text)
        return b"$%d" % (names.index(text) + 1)

    return _PARAMETER.sub(replace, sql), tuple(names)
