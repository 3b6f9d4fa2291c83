"""Impressions: what viewers have seen, row by row, each once."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.events.batches import parsed, record_rows
from functions.feed_ranker.requests import VIEWABLE_MS, ImpressionBatch, ImpressionIn
from shared import sql
from shared.postgres import Database, Json, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID


def record(
    database: Database,
    viewer: UUID,
    batch: ImpressionBatch,
    *,
    budget_s: float,
) -> dict[str, Any]:
    """Record a batch; what is counted as accepted is committed.

    No clock of a device makes an impression invalid: the database holds `seen_at` against its own
    clock and against when the page was served, and corrects it.

    Args:
        database: Where to.
        viewer: Whose impressions.
        batch: The rows as sent.
        budget_s: Seconds for the write.

    Returns:
        `accepted` and `duplicates` as counts, `rejected` as a list of index and reason.

    Raises:
        DatabaseUnavailableError: Nothing was recorded, as far as one can tell; send it again.
    """
    return record_rows(
        batch.impressions,
        _valid,
        lambda rows: _write(database, viewer, batch.session_id, rows, budget_s),
        {"unknown_post": "post_id: There is no such post."},
    )


def _valid(raw: object) -> ImpressionIn | str:
    """The row, or why it is none."""
    row = parsed(ImpressionIn, raw)
    if isinstance(row, str):
        return row
    if row.visible_ms < VIEWABLE_MS:
        return f"visible_ms: A post that was visible for less than {VIEWABLE_MS} ms was not seen."
    return row


def _write(
    database: Database,
    viewer: UUID,
    session: UUID,
    rows: Sequence[ImpressionIn],
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
            "seen_at": _in_utc(row.seen_at).isoformat(),
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


def _in_utc(at: datetime) -> datetime:
    """Return the same time in UTC: Postgres refuses offsets of sixteen hours and more."""
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the first or last day of the calendar, which the server corrects anyway
        return at.replace(tzinfo=UTC)
