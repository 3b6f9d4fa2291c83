"""How long a take-down at the catalogue takes to be in force in the cells."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self
    from uuid import UUID

_PATIENCE_S: Final = 60.0
_REMOVE: Final = "UPDATE posts SET visibility = 'removed' WHERE id = %s"
_REMOVED: Final = "SELECT visibility = 'removed' FROM posts WHERE id = %s"


@dataclass
class TakeDowns:
    """Connections on which take-downs are made and looked for.

    Attributes:
        catalogue: A connection to the catalogue as the owner of the schema.
        cells: A connection to each cell.
    """

    catalogue: psycopg.Connection[Any]
    cells: Sequence[psycopg.Connection[Any]]

    @classmethod
    def connect(cls, catalogue: str, cells: Sequence[str]) -> Self:
        """Connect to the servers by their URLs."""
        return cls(
            psycopg.connect(catalogue, autocommit=True),
            [psycopg.connect(url, autocommit=True) for url in cells],
        )

    def lags(self, post: UUID) -> list[float]:
        """Take a post down, and return after how many ms it was in force in each cell.

        The time counts from the moment at which the catalogue has confirmed the take-down.

        Raises:
            StackError: A cell did not hear of it within a minute.
        """
        self.catalogue.execute(_REMOVE, [post])
        began = time.perf_counter()
        found: dict[int, float] = {}
        while len(found) < len(self.cells):
            if time.perf_counter() - began > _PATIENCE_S:
                raise StackError("a cell does not hear of what happens at the catalogue")
            for number, cell in enumerate(self.cells):
                if number in found:
                    continue
                if cell.execute(_REMOVED, [post]).fetchone() == (True,):
                    found[number] = 1000 * (time.perf_counter() - began)
        return [found[number] for number in range(len(self.cells))]

    def close(self) -> None:
        """Close the connections."""
        for connection in (self.catalogue, *self.cells):
            connection.close()
