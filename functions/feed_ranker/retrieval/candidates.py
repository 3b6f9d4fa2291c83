"""Retrieval: one round trip to Postgres for a viewer's candidates and signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from shared import sql
from shared.models import Candidate, Retrieved, Signals
from shared.postgres import Database, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from uuid import UUID


class Found(NamedTuple):
    """What a round trip has brought.

    Attributes:
        retrieved: The candidates.
        signals: How the viewer engages.
        instead: The rows of the statement that was to be answered instead; empty where it found
            none.
    """

    retrieved: Retrieved
    signals: Signals
    instead: list[Any]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Where candidates come from, and within which windows.

    Attributes:
        database: Postgres.
        cooldown: How long an impression keeps its post from being unseen.
        fresh_window: The age up to which a post is fresh.
        budget_s: Seconds for the round trip.
    """

    database: Database
    cooldown: timedelta
    fresh_window: timedelta
    budget_s: float

    def retrieve(  # who, where, how many, when
        self,
        viewer: UUID,
        session: UUID,
        *,
        want: int,
        page_size: int,
        now: datetime,
        served: Mapping[UUID, int],
        context: str | None = None,
        newest: bool = False,
        unless: Statement | None = None,
        unless_page: int | None = None,
    ) -> Found:
        """Return candidates for the viewer's next posts, and how the viewer engages.

        Args:
            viewer: Whose feed it is.
            session: Posts that it has served count as seen.
            want: How many unseen candidates are enough.
            page_size: Where fewer unseen posts exist, seen ones are added.
            now: The time that windows are measured from.
            served: Posts served that Postgres may not know of, with their order.
            context: Device and daypart, `phone/evening`; None takes those of the last page.
            newest: Whether to take the newest unseen posts alone, for a chronological feed.
            unless: Asks for page `unless_page` of the session, along with the rest. Where that
                page stands, no candidate is looked for.
            unless_page: None looks for candidates whatever stands.

        Raises:
            DatabaseUnavailableError: Postgres did not answer within the budget.
        """
        candidates = Statement(
            sql.FEED["candidates"],
            {
                "viewer": viewer,
                "session": session,
                "want": want,
                "page_size": page_size,
                "cooldown": self.cooldown,
                "fresh_window": self.fresh_window,
                "at": now,
                "served_ids": list(served.keys()),
                "served_order": list(served.values()),
                "newest": newest,
                "context": context,
                "unless_page": unless_page,
            },
        )
        return self._ask(viewer, candidates, unless)

    def _ask(self, viewer: UUID, candidates: Statement, unless: Statement | None) -> Found:
        """Ask for candidates and signals, and for what would make them needless."""
        signals = Statement(sql.FEED["signals"], {"viewer": viewer}, Signals)
        # Read first: feedback that comes between the statements makes the queue outdated at once.
        revision = Statement(sql.FEED["feedback_revision"], {"viewer": viewer}, int)
        before = [unless] if unless else []
        *instead, (revised,), rows, known = self.database.run(
            *before, revision, candidates, signals, viewer=viewer, budget_s=self.budget_s
        )
        # A row says whether all was found, a candidate, and the first one what was filtered.
        retrieved = Retrieved.of(
            [Candidate._make(row[1:-1]) for row in rows],
            complete=all(row[0] for row in rows),
            revision=revised,
            filtered=rows[0][-1] if rows else {},
        )
        signal = known[0] if known else Signals()
        return Found(retrieved, signal, instead[0] if instead else [])
