"""What is kept of a viewer: shown to them, and erased, in Postgres and in the session cache."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from functions.feed_ranker.sessions.stored_page import page_document, unpack_page
from functions.feed_ranker.sessions.stored_queue import unpack_queue
from shared import sql
from shared.http import timestamp
from shared.postgres import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from functions.feed_ranker.sessions.session_store import Item, SessionStore
    from shared.postgres import Database

_ROWS_BYTES: Final = 4_500_000  # Lambda answers with 6 MB at most
_CACHE_BYTES: Final = 500_000
_CACHE_LIFE: Final = timedelta(days=1)
_SESSIONS: Final = 25  # in one step
_ROWS: Final = 5_000  # in one step
_BUDGET_S: Final = 4.0  # of one step
_TIME_S: Final = 5.0  # after which no step is begun
_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ViewerData:
    """Exports and erases.

    Attributes:
        database: Postgres.
        store: The session cache's items.
    """

    database: Database
    store: SessionStore

    def export(self, viewer: UUID, now: datetime) -> dict[str, Any]:
        """Return all that is kept of a viewer, the newest first, as far as one answer can hold it.

        Returns:
            `tables`: for each its `rows`, their `total`, and whether they are `truncated`;
            `session_cache` is what DynamoDB holds.

        Raises:
            DatabaseUnavailableError: Postgres did not answer within the budget.
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        statement = Statement(
            sql.FEED["viewer_data"],
            {"viewer": viewer, "max_bytes": _ROWS_BYTES},
            lambda found: found,
        )
        ((tables,),) = self.database.run(statement, viewer=viewer, budget_s=_BUDGET_S)
        return {
            "user_id": str(viewer),
            "exported_at": timestamp(now),
            "tables": {**tables, "session_cache": self._cached(viewer, now)},
        }

    def reset(self, viewer: UUID) -> dict[str, Any]:
        """Forget the viewer's history: signals, impressions, watches, taste, sessions, requests.

        Returns:
            `erased`: rows by table; `complete`: nothing is left. Where it is false, the call
            ran out of time, and another one goes on.

        Raises:
            DatabaseUnavailableError: Postgres did not answer within the budget; call again.
            CacheUnavailableError: DynamoDB did not answer within the budget; call again.
        """
        return self._erase(viewer, everything=False)

    def erase(self, viewer: UUID) -> dict[str, Any]:
        """Erase everything: the history, follows, feedback, posts, and what names the creator.

        Answers and raises as `reset`.
        """
        return self._erase(viewer, everything=True)

    def _erase(self, viewer: UUID, *, everything: bool) -> dict[str, Any]:
        erased: Counter[str] = Counter()
        if everything:
            self.store.feedback.forget(viewer)
        begun = time.monotonic()
        while True:
            # The sessions first: without their pages nobody would find the cache's items.
            if sessions := [session for session, _ in self._sessions(viewer, _EVER)]:
                counts, complete = self._forget(viewer, sessions), False
            else:
                counts, complete = self._erase_rows(viewer, everything=everything)
            erased.update(counts)
            # What another server has to erase, or somebody else holds, takes longer than a turn.
            if complete or not any(counts.values()) or time.monotonic() - begun >= _TIME_S:
                break
        return {
            "erased": {name: count for name, count in sorted(erased.items()) if count},
            "complete": complete,
        }

    def _erase_rows(self, viewer: UUID, *, everything: bool) -> tuple[dict[str, int], bool]:
        statement = Statement(
            sql.FEED["erase_viewer"],
            {"viewer": viewer, "everything": everything, "max_rows": _ROWS},
        )
        (((counts, complete),),) = self.database.run(statement, viewer=viewer, budget_s=_BUDGET_S)
        return counts, complete

    def _forget(self, viewer: UUID, sessions: list[UUID]) -> dict[str, int]:
        items = sum(self.store.delete_all(viewer, session) for session in sessions)
        statement = Statement(
            sql.FEED["forget_sessions"],
            {"viewer": viewer, "sessions": sessions},
            lambda count: count,
        )
        ((pages,),) = self.database.run(statement, viewer=viewer, budget_s=_BUDGET_S)
        return {"session_cache": items, "feed_pages": pages}

    def _sessions(self, viewer: UUID, since: datetime) -> list[tuple[UUID, int]]:
        """Return sessions with pages since `since`, the latest first, each with its page count."""
        statement = Statement(
            sql.FEED["viewer_sessions"], {"viewer": viewer, "since": since, "max_rows": _SESSIONS}
        )
        (found,) = self.database.run(statement, viewer=viewer, budget_s=_BUDGET_S)
        return found

    def _cached(self, viewer: UUID, now: datetime) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        total = size = 0
        for session, pages in self._sessions(viewer, now - _CACHE_LIFE):
            if size > _CACHE_BYTES:
                total += pages
                continue
            items = self.store.read_all(viewer, session, int(now.timestamp()))
            total += len(items)
            for row in _rows(session, items):
                size += len(json.dumps(row)) + 64
                if size <= _CACHE_BYTES:
                    rows.append(row)
        return {"rows": rows, "total": total, "truncated": len(rows) < total}


def _rows(session: UUID, items: dict[int, Item]) -> Iterator[dict[str, Any]]:
    for page_no, item in sorted(items.items(), reverse=True):
        found = (
            unpack_page(item.page, session, page_no, item.version)
            if item.page is not None and item.version is not None
            else None
        )
        row: dict[str, Any] = {
            "session_id": str(session),
            "page_no": page_no,
            "version": item.version,
            "page": page_document(found.page, queue_expired=found.queue_expired) if found else None,
        }
        if item.queue is not None and (cached := unpack_queue(item.queue)) is not None:
            row["queued_posts"] = [str(entry.post_id) for entry in cached.ranked.entries]
        yield row
