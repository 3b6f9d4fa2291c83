"""Impressions: what viewers have seen, row by row, each once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.events.batches import parsed, record_rows
from functions.feed_ranker.requests import VIEWABLE_MS, ImpressionBatch, ImpressionIn
from shared import sql
from shared.postgres import Database, Json, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

_CLOCK_SKEW = timedelta(minutes=2)


def record(
    database: Database,
    viewer: UUID,
    batch: ImpressionBatch,
    *,
    now: datetime,
    cooldown: timedelta,
    budget_s: float,
) -> dict[str, Any]:
    """Record a batch; what is counted as accepted is committed.

    Args:
        database: Where to.
        viewer: Whose impressions.
        batch: The rows as sent.
        now: The time that `seen_at` is held against.
        cooldown: Older impressions are refused: they no longer matter.
        budget_s: Seconds for the write.

    Returns:
        `accepted` and `duplicates` as counts, `rejected` as a list of index and reason.

    Raises:
        DatabaseUnavailableError: Nothing was recorded, as far as one can tell; send it again.
    """
    return record_rows(
        batch.impressions,
        lambda raw: _valid(raw, now, cooldown),
        lambda rows: _write(database, viewer, batch.session_id, rows, now, budget_s),
        {"unknown_post": "post_id: There is no such post."},
    )


def _valid(raw: object, now: datetime, cooldown: timedelta) -> ImpressionIn | str:
    """The row, or why it is none."""
    row = parsed(ImpressionIn, raw)
    if isinstance(row, str):
        return row
    if row.visible_ms < VIEWABLE_MS:
        return f"visible_ms: A post that was visible for less than {VIEWABLE_MS} ms was not seen."
    if row.seen_at > now + _CLOCK_SKEW:
        return "seen_at: lies in the future"
    if row.seen_at <= now - cooldown:
        return "seen_at: lies before the cooldown"
    return row


def _write(
    database: Database,
    viewer: UUID,
    session: UUID,
    rows: Sequence[ImpressionIn],
    now: datetime,
    budget_s: float,
) -> list[str]:
    """The outcome of each row, in order."""
    batch = [
        {
            "event_id": str(row.event_id),
            "post_id": str(row.post_id),
            "source": row.source,
            "position": row.position,
            "visible_ms": row.visible_ms,
            "seen_at": min(row.seen_at, now).isoformat(),
        }
        for row in rows
    ]
    statement = Statement(
        sql.FEED["record_impressions"],
        {"viewer": viewer, "session": session, "batch": Json(batch)},
        lambda _, outcome: str(outcome),
    )
    (outcomes,) = database.run(statement, viewer=viewer, budget_s=budget_s)
    return outcomes
