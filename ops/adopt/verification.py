"""Counts that must agree once the feed has moved in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.history import counts
from ops.adopt.tables import backfill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

    from ops.adopt.history.rows import History
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


def verify(
    connection: Connection[Any],
    mapping: Mapping,
    inspection: Inspection,
    sources: Iterable[History],
) -> list[Count]:
    """Count on both sides, in one snapshot."""
    table = sql.Identifier(mapping.posts.schema, mapping.posts.table)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        posts = _one(connection, sql.SQL("SELECT count(*) FROM {}").format(table))
        found = [
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
            found.append(Count("follows", _one(connection, app), feed))
        if mapping.counts:
            found.append(Count("posts with less than their counts", 0, counts.short(connection)))
        found += [
            Count(f"{history.kind} of {history.source} that are missing", 0, missing)
            for history in sources
            for missing in [history.missing(connection)]
        ]
    return found


_WITH_FIGURES = sql.SQL(
    "SELECT count(*) FROM public.posts p JOIN public.post_stats s ON s.post_id = p.id"
)
_ELIGIBLE = sql.SQL("SELECT count(*) FROM public.post_stats WHERE eligible")
_ELIGIBLE_BITS = sql.SQL("SELECT coalesce(sum(bit_count(eligible)), 0) FROM public.post_blocks")


def _one(connection: Connection[Any], text: Text) -> int:
    row = connection.execute(text).fetchone()
    return int(row[0]) if row else 0
