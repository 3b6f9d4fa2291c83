"""Which cell a viewer belongs to: the gateway sends each viewer's requests to one cell.

A viewer's id gives the cell, unless the servers say that the viewer was moved to another one.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

CONNECT_TIMEOUT_S = 2
_ASK = "SELECT cell_no, moving FROM viewer_cell(%s)"


def home(viewer: UUID, cells: Sequence[int]) -> int:
    """Return the cell that a viewer's id gives.

    Each cell draws a number for the viewer, and the highest one has them (rendezvous hashing). A
    further cell thus takes its share of viewers from all others, and nobody else changes.

    Args:
        viewer: The viewer's id.
        cells: The numbers of the cells, at least one.
    """

    def drawn(cell: int) -> bytes:
        return hashlib.sha256(cell.to_bytes(2, "big") + viewer.bytes).digest()

    return max(cells, key=drawn)


class Placement:
    """Asks the servers where viewers are.

    Args:
        cells: The numbers of the cells.
        urls: The servers' URLs as the functions connect, the catalogue's first. While one is gone
            the next one is asked, since every cell has a copy.
    """

    def __init__(self, cells: Sequence[int], urls: Sequence[str]) -> None:
        self._cells = cells
        self._urls = urls
        self._links: dict[str, psycopg.AsyncConnection] = {}
        self._lock = asyncio.Lock()

    async def cell_of(self, viewer: UUID) -> int | None:
        """Return a viewer's cell; None while the viewer is being moved to another one."""
        async with self._lock:
            row = await self._ask(viewer)
        if row is None or row[0] is None:
            return home(viewer, self._cells)
        return None if row[1] else int(row[0])

    async def _ask(self, viewer: UUID) -> tuple[int | None, bool] | None:
        for url in self._urls:
            try:
                link = self._links.get(url)
                if link is None or link.closed:
                    link = await psycopg.AsyncConnection.connect(
                        url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
                    )
                    self._links[url] = link
                return await (await link.execute(_ASK, [viewer])).fetchone()
            except psycopg.Error:
                if (broken := self._links.pop(url, None)) is not None:
                    await broken.close()
        return None

    async def close(self) -> None:
        """Close the connections."""
        for link in self._links.values():
            await link.close()
        self._links.clear()
