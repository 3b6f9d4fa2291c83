"""Counts that must agree once the feed has moved in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt import backfill

if TYPE_CHECKING:
    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping
    from ops.adopt.text import Text


@dataclass(frozen=True, slots=True)
class Count:
    """One thing counted on both sides.

    Attributes:
        what: What is counted.
        app: How many the application has.
        feed: How many the feed has.
    """

    what: str
    app: int
    feed: int

    @property
    def agrees(self) -> bool:
        """Whether both sides have as many."""
        return self.app == self.feed


def verify(connection: Connection[Any], mapping: Mapping, inspection: Inspection) -> list[Count]:
    """Count on both sides, in one snapshot."""
    table = sql.Identifier(mapping.posts.schema, mapping.posts.table)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        posts = _one(connection, sql.SQL("SELECT count(*) FROM {}").format(table))
        counts = [
            Count("posts, with figures", posts, _one(connection, _WITH_FIGURES)),
            Count(
                "posts not in step", 0, _one(connection, backfill.posts(mapping, inspection).count)
            ),
            Count(
                "eligible posts, as bits",
                _one(connection, _ELIGIBLE),
                _one(connection, _ELIGIBLE_BITS),
            ),
        ]
        if mapping.follows is not None:
            follows = mapping.follows
            app = sql.SQL("SELECT count(DISTINCT ({}, {})) FROM {}").format(
                sql.Identifier(follows.columns["follower"]),
                sql.Identifier(follows.columns["followed"]),
                sql.Identifier(follows.name.schema, follows.name.table),
            )
            feed = _one(connection, sql.SQL("SELECT count(*) FROM public.follows"))
            counts.append(Count("follows", _one(connection, app), feed))
    return counts


_WITH_FIGURES = sql.SQL(
    "SELECT count(*) FROM public.posts p JOIN public.post_stats s ON s.post_id = p.id"
)
_ELIGIBLE = sql.SQL("SELECT count(*) FROM public.post_stats WHERE eligible")
_ELIGIBLE_BITS = sql.SQL("SELECT coalesce(sum(bit_count(eligible)), 0) FROM public.post_blocks")


def _one(connection: Connection[Any], text: Text) -> int:
    row = connection.execute(text).fetchone()
    return int(row[0]) if row else 0
