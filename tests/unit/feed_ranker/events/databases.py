"""Databases that stand in for Postgres where a batch is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from shared.postgres import Statement

VIEWER = UUID("0b7f3c1e-58a5-4f3c-9d3b-4a8a2f6f5c11")


@dataclass
class FakeDatabase:
    """Answers with the outcomes given, and keeps what was sent."""

    outcomes: list[str] = field(default_factory=list)
    sent: list[Statement] = field(default_factory=list)

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        assert viewer == VIEWER
        assert budget_s == 0.5
        self.sent += statements
        (statement,) = statements
        return [[statement.make_row(i, outcome) for i, outcome in enumerate(self.outcomes)]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the one statement that was sent."""
        (statement,) = self.sent
        rows: list[dict[str, Any]] = statement.params["batch"].obj
        return rows


class LostDatabase:
    """Answers nothing."""

    def run(self, *_: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        raise DatabaseUnavailableError(viewer, budget_s)
