"""Watch progress: what viewers watched, liked, said and shared. Each event counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from functions.feed_ranker.events.batches import parsed, record_rows
from functions.feed_ranker.requests import WatchBatch, WatchIn
from shared import sql
from shared.postgres import Database, Json, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from uuid import UUID

MOST_PLAYS: Final = 10  # of one event; more is no watching
_SELF_VIEW: Final = "self_view"
_REFUSALS: Final = {
    "unknown_post": "post_id: There is no such post.",
    # Checked before, too; the database has the last word, since operators call it themselves.
    "bad_duration": "duration_ms: This is out of range.",
    "bad_play": "play_ms: This is out of range.",
}


def record(
    database: Database,
    viewer: UUID,
    batch: WatchBatch,
    *,
    now: datetime,
    budget_s: float,
    on_self_views: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Record a batch; what is counted as accepted is committed, and learnt from.

    Args:
        database: Where to.
        viewer: Who watched.
        batch: The rows as sent.
        now: When they count as watched.
        budget_s: Seconds for the write.
        on_self_views: Told how many of the accepted are of the viewer's own posts: they are kept,
            and nothing is learnt from them.

    Returns:
        `accepted` and `duplicates` as counts, `rejected` as a list of index and reason.

    Raises:
        DatabaseUnavailableError: Nothing was recorded, as far as one can tell; send it again.
    """

    def write(rows: Sequence[WatchIn]) -> list[str]:
        statement = Statement(
            sql.FEED["record_watches"],
            {
                "viewer": viewer,
                "batch": Json([row.model_dump(mode="json") for row in rows]),
                "at": now,
            },
            lambda _, outcome: str(outcome),
        )
        (outcomes,) = database.run(statement, viewer=viewer, budget_s=budget_s)
        if of_own := outcomes.count(_SELF_VIEW):
            on_self_views(of_own)
        return ["accepted" if outcome == _SELF_VIEW else outcome for outcome in outcomes]

    return record_rows(batch.events, _valid, write, _REFUSALS)


def _valid(raw: object) -> WatchIn | str:
    """Return the row, or why it is refused."""
    row = parsed(WatchIn, raw)
    if isinstance(row, WatchIn) and row.play_ms > MOST_PLAYS * row.duration_ms:
        return f"play_ms: This is more than {MOST_PLAYS} times the duration."
    return row
