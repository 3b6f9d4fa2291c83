"""Which parts of a stack have ended by themselves, and what that means for those who use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# What the functions do without each: the stack goes on, as they do.
WITHOUT = {
    "pgbouncer": "the same as without Postgres",
    "catalogue": "the cells' feeds go on, uploads are refused and figures stand still",
    "cell": "its viewers get pages of cached queues or a 503, all others notice nothing",
    "postgres": "pages come from cached queues (degraded: database), all else is refused",
    "dynamodb": "the feed comes from Postgres (degraded: cache)",
    "mux": "uploads are refused and nothing plays",
}


class Watch:
    """Notices once that a part has ended, and again if it does so after it has returned."""

    def __init__(self) -> None:
        self._ended: dict[str, Callable[[], bool]] = {}
        self._told: set[str] = set()

    def add(self, name: str, ended: Callable[[], bool]) -> None:
        """Watches a part.

        Args:
            name: one of `WITHOUT`, or a cell with its number.
            ended: whether it has ended by itself.
        """
        self._ended[name] = ended

    def losses(self) -> list[str]:
        """What to tell of the parts that have ended since this was asked last."""
        gone = {name for name, ended in self._ended.items() if ended()}
        new = sorted(gone - self._told)
        self._told = gone
        return [f"{name} has ended: {WITHOUT[name.rstrip(' 0123456789')]}" for name in new]
