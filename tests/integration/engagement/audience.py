"""Viewers who watch posts, and the operator who looks at what came of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.integration.database.clients import Connection, Row, claims_of, operator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.conftest import Database

DURATION_MS = 20_000
RECORD: LiteralString = "SELECT index, outcome FROM record_watches(%s, %s, coalesce(%s, now()))"


def watch(post: UUID, ratio: float = 0.5, **others: Any) -> Row:  # noqa: ANN401  (JSON)
    """An event of the batch as clients send it; by default nothing but half a play."""
    return {
        "event_id": str(uuid4()),
        "post_id": str(post),
        "play_ms": round(ratio * DURATION_MS),
        "duration_ms": DURATION_MS,
        "liked": False,
        "commented": False,
        "shared": False,
        **others,
    }


@contextmanager
def watching(url: str, viewer: UUID) -> Iterator[Connection]:
    """A connection that keeps the viewer's claims; every statement commits."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(
            "SELECT set_config('request.jwt.claims', %s, false)", [claims_of(viewer)]
        )
        yield connection


@dataclass(frozen=True)
class Audience:
    """A database with viewers.

    Attributes:
        database: where.
        operator: a connection of the schema's owner.
    """

    database: Database
    operator: Connection

    def add_posts(
        self,
        count: int,
        *,
        creator: UUID | None = None,
        tags: Sequence[str] = (),
        caption: str = "",
        duration_ms: int | None = DURATION_MS,
        age: timedelta = timedelta(0),
    ) -> list[UUID]:
        """Eligible posts, by a creator each unless one is given."""
        rows = self.operator.execute(
            "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_duration_ms, tags,"
            " caption, created_at) SELECT coalesce(%s, gen_random_uuid()), true, 'p', %s,"
            " %s::text[], %s, now() - %s FROM generate_series(1, %s) RETURNING id",
            [creator, duration_ms, list(tags), caption, age, count],
        )
        return [row["id"] for row in rows]

    def record(self, viewer: UUID, batch: Sequence[Row], at: datetime | None = None) -> list[str]:
        """The outcomes of a batch, in its order."""
        if at is not None:  # only an operator can load what was watched long ago
            rows = self.operator.execute(RECORD, [viewer, Jsonb(batch), at]).fetchall()
        else:
            with watching(self.database.app_url, viewer) as connection:
                rows = connection.execute(RECORD, [viewer, Jsonb(batch), at]).fetchall()
        assert [row["index"] for row in rows] == list(range(len(batch)))
        return [row["outcome"] for row in rows]

    def see(self, viewer: UUID, posts: Iterable[UUID]) -> None:
        """Impressions of posts."""
        for post in posts:
            self.operator.execute(
                "INSERT INTO user_post_impressions (user_id, post_id) VALUES (%s, %s)",
                [viewer, post],
            )

    def report(self, post: UUID, change: int = 1) -> None:
        """A report on its way to the roll-up, or one taken back."""
        self.operator.execute(
            "INSERT INTO engagement_queue (post_id, creator_id, reports)"
            " SELECT id, creator_id, %s FROM posts WHERE id = %s",
            [change, post],
        )

    def roll_up(self, max_rows: int = 10_000, threshold: int = 5) -> Row:
        """One batch of the roll-up, as the function calls it."""
        self.operator.execute("UPDATE feed_settings SET report_hold_threshold = %s", [threshold])
        with psycopg.connect(
            self.database.app_url, autocommit=True, row_factory=dict_row
        ) as connection:
            row = connection.execute("SELECT * FROM roll_up(%s)", [max_rows]).fetchone()
        assert row is not None
        return row

    def rows(self, query: LiteralString, *parameters: object) -> list[Row]:
        """What the operator reads."""
        return self.operator.execute(query, parameters).fetchall()

    def row(self, query: LiteralString, *parameters: object) -> Row:
        """The one row that the operator reads."""
        (row,) = self.rows(query, *parameters)
        return row

    def signals(self, viewer: UUID) -> Row:
        return self.row("SELECT * FROM user_interest_signals WHERE user_id = %s", viewer)

    def stats(self, post: UUID) -> Row:
        return self.row("SELECT * FROM post_stats WHERE post_id = %s", post)

    def queued(self) -> int:
        return int(self.row("SELECT count(*) AS rows FROM engagement_queue")["rows"])


@contextmanager
def audience_of(database: Database) -> Iterator[Audience]:
    """The audience of a database."""
    with operator(database.admin_url) as connection:
        yield Audience(database, connection)


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)
