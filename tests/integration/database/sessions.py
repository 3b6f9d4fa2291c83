"""A viewer's session whose pages the tests commit."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from tests.integration.database.clients import Connection, Row, call

COMMIT: LiteralString = (
    "SELECT * FROM commit_page(%s, %s, %s, %s, %s::uuid[], %s, %s::uuid[], %s::uuid[], %s, %s)"
)


@dataclass(frozen=True)
class Session:
    """One viewer's session on a catalogue of 30 posts."""

    url: str
    operator: Connection
    viewer: UUID
    id: UUID
    posts: list[UUID]

    def commit(  # a page and its conditions
        self,
        page: int,
        expected: int,
        shown: Sequence[UUID],
        *,
        claimed_unseen: Sequence[UUID] | None = None,
        hydrate: Sequence[UUID] = (),
        note: str = "first",
        described: Mapping[str, object] | None = None,
        request_id: UUID | None = None,
    ) -> Row:
        """Calls commit_page as the feed does; by default every post passes as unseen."""
        request = {
            "request_id": str(request_id or uuid.uuid4()),
            "page_size": len(shown),
            "elapsed_ms": 12.5,
            "cache_hit": False,
            "stale_cursor": False,
            "degraded": None,
            "variant": "control",
            "sources": {"fresh": len(shown)},
            "trace": {},
        }
        parameters = [
            *(
                self.viewer,
                self.id,
                page,
                expected,
                list(shown),
                Jsonb(described or {"note": note}),
            ),
            list(shown if claimed_unseen is None else claimed_unseen),
            list(hydrate),
            Jsonb(request),
            datetime.now(UTC) - timedelta(days=30),
        ]
        (answer,) = call(self.url, self.viewer, COMMIT, parameters)
        return answer

    def pages(self) -> dict[int, list[UUID]]:
        """The posts of every page that stands, by number."""
        rows = self.operator.execute("SELECT page_no, post_ids FROM feed_pages").fetchall()
        return {row["page_no"]: row["post_ids"] for row in rows}

    def requests(self) -> list[Row]:
        """The rows of feed_requests."""
        return self.operator.execute("SELECT * FROM feed_requests ORDER BY created_at").fetchall()


def content(answer: Row) -> set[UUID]:
    """The posts whose content an answer holds."""
    return {UUID(post["post_id"]) for post in answer["posts"]}
