"""What Postgres knows, read as the owner of the schema: the other side of what clients are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from local.demo.answers import Entry, Stock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

_ELIGIBLE = """
SELECT p.id, coalesce(p.published_at, p.created_at) FROM posts p
WHERE p.visibility = 'public' AND p.mux_ready AND p.mux_playback_id <> ''
  AND p.creator_id <> %(viewer)s
  AND NOT EXISTS (
    SELECT FROM feedback f WHERE f.user_id = %(viewer)s AND f.undone_at IS NULL
      AND (f.action = 'not_interested' AND f.post_id = p.id
           OR f.action = 'hide_creator' AND f.creator_id = p.creator_id))
"""
_SEEN = """
SELECT post_id, max(seen_at) FROM user_post_impressions
WHERE user_id = %s AND seen_at > now() - interval '30 days' GROUP BY post_id
"""
_ENTRIES = """
SELECT post_ids, entries FROM feed_pages WHERE user_id = %s AND session_id = %s AND page_no = %s
"""
# Creators of posts that are not fresh, the most liked first.
_LIKED_CREATORS = """
SELECT creator_id FROM post_stats
WHERE eligible AND published_at < now() - interval '8 days'
GROUP BY creator_id ORDER BY sum(likes) DESC, creator_id LIMIT %s
"""


class ObservedState:
    """Reads, and the one thing that an operator does: taking a post down.

    Every call has a connection of its own: the server goes and comes back in between.

    Args:
        admin_url: The database, as the owner of the schema.
    """

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url

    def stock(self, viewer: UUID, served: Sequence[UUID]) -> Stock:
        """What there is for a viewer in a session that was served `served`."""
        return Stock(
            eligible=dict(self._rows(_ELIGIBLE, {"viewer": viewer})),
            followed=frozenset(
                row[0]
                for row in self._rows(
                    "SELECT creator_id FROM follows WHERE follower_id = %s", [viewer]
                )
            ),
            seen=dict(self._rows(_SEEN, [viewer])),
            served=tuple(served),
            now=datetime.now(UTC),
        )

    def entries(self, viewer: UUID, session: UUID, page_no: int) -> tuple[Entry, ...]:
        """A page as it was written; empty where it was not."""
        rows = self._rows(_ENTRIES, [viewer, session, page_no])
        if not rows:
            return ()
        ((ids, entries),) = rows
        return tuple(map(Entry.parse, ids, entries["posts"]))

    def recorded(self, viewer: UUID) -> set[UUID]:
        """The posts of which an impression of the viewer is stored."""
        sql = "SELECT post_id FROM user_post_impressions WHERE user_id = %s"
        return {row[0] for row in self._rows(sql, [viewer])}

    def liked_creators(self, most: int) -> list[UUID]:
        """Creators with older posts whom somebody might follow."""
        return [row[0] for row in self._rows(_LIKED_CREATORS, [most])]

    def remove(self, post_id: UUID) -> None:
        """Take a post down."""
        with psycopg.connect(self.admin_url) as connection:
            connection.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", [post_id])

    def _rows(self, sql: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - psycopg's own
        with psycopg.connect(self.admin_url) as connection:
            return connection.execute(sql, parameters).fetchall()
