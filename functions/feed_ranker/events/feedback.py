"""Feedback: what viewers ask for, in force from the next page on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shared import sql
from shared.errors import CacheUnavailableError, NotFoundError
from shared.postgres import Database, Statement

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from functions.feed_ranker.requests import FeedbackIn
    from functions.feed_ranker.sessions.cache import Cache

_UNKNOWN = "unknown"


def give(
    database: Database,
    viewer: UUID,
    feedback: FeedbackIn,
    *,
    budget_s: float,
    cache: Cache | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Give a feedback or take it back; the same again changes nothing.

    Args:
        database: Where to.
        viewer: Who asks.
        feedback: What for.
        budget_s: Seconds for the write.
        cache: Told of it, for when Postgres is gone: cached queues that do not know are not served.
        now: From which the cache keeps it.

    Returns:
        What it is about, and `undone`: whether it is not in force now.

    Raises:
        NotFoundError: There is no such post or creator.
        DatabaseUnavailableError: Nothing changed, as far as one can tell; send it again.
    """
    statement = Statement(
        sql.FEED["give_feedback"],
        {
            "viewer": viewer,
            "action": feedback.action,
            "post_id": feedback.post_id,
            "creator_id": feedback.creator_id,
            "undo": feedback.undo,
        },
    )
    (((outcome, creator, revision),),) = database.run(statement, viewer=viewer, budget_s=budget_s)
    if outcome == _UNKNOWN:
        raise NotFoundError
    if cache is not None and now is not None:
        with suppress(CacheUnavailableError):  # it stands in Postgres, which decides
            cache.note_feedback(viewer, revision, now)
    return {
        "action": feedback.action,
        "post_id": str(feedback.post_id) if feedback.post_id else None,
        "creator_id": str(creator) if creator else None,
        "undone": feedback.undo,
    }
