"""What viewers did before the feed came: likes, comments, impressions and watches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.history import counts, row_sql
from ops.adopt.history.csv_file import stage
from ops.adopt.identity import feed_id, known_id
from ops.adopt.inspection import columns_of
from ops.adopt.mapping import MappedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import MappedTable, Mapping
    from ops.adopt.text import Text

_BLOCKS = 100  # of eight kilobytes, in one transaction


@dataclass(slots=True)
class Taken:
    """What became of the rows of one source.

    Attributes:
        rows: How many were read.
        new: How many of them were new.
        left_out: Why rows were left out, to how many.
    """

    rows: int = 0
    new: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        known = self.rows - self.new - self.left_out.total()
        parts = [f"{self.rows:,} rows read, {self.new:,} new, {known:,} known already or twice"]
        parts += [f"{n:,} left out: {why}" for why, n in sorted(self.left_out.items())]
        return "; ".join(parts)


class History:
    """One source of what viewers did, read block by block.

    Args:
        connection: As the schema's owner.
        kind: `likes`, `comments`, `impressions` or `watches`.
        source: What the operator calls it.
        table: The table with its rows.
        post_type: The type of the application's keys of posts.
    """

    def __init__(
        self,
        connection: Connection[Any],
        kind: str,
        source: str,
        table: MappedTable,
        post_type: str,
    ) -> None:
        self.kind = kind
        self.source = source
        self._table = str(table.name)
        rows = _rows(connection, kind, table, post_type)
        self._statement = row_sql.take(kind, rows)
        self._missing = row_sql.missing(kind, rows)

    def run(self, connection: Connection[Any], progress: Callable[[int], None]) -> Taken:
        """Take the whole source over."""
        taken = Taken()
        again = self._is_done(connection)
        for low, high in _ranges(connection, self._table):
            with connection.transaction():
                before = counts.last_queued(connection)
                given = {"low": low, "high": high, "again": again}
                row = connection.execute(self._statement, given).fetchone()
                counts.absorb(connection, before)
            if row is not None:
                taken.rows += row[0]
                taken.new += row[1]
                taken.left_out.update(row[2] or {})
            progress(1)
        connection.execute(
            "INSERT INTO vroom_private.adopted_history (kind, source) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING",
            [self.kind, self.source],
        )
        return taken

    def missing(self, connection: Connection[Any]) -> int:
        """Count the rows that should have been taken over and were not."""
        given = {"low": "(0,0)", "high": "(4294967295,0)", "again": True}
        row = connection.execute(self._missing, given).fetchone()
        return int(row[0]) if row else 0

    def batches(self, connection: Connection[Any]) -> int:
        """Return how many batches `run` takes."""
        return sum(1 for _ in _ranges(connection, self._table))

    def _is_done(self, connection: Connection[Any]) -> bool:
        return (
            connection.execute(
                "SELECT FROM vroom_private.adopted_history WHERE kind = %s AND source = %s",
                [self.kind, self.source],
            ).fetchone()
            is not None
        )


def histories(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection
) -> list[History]:
    """Return the sources of history that the mapping names, in the order to take them over.

    Files are read and checked as a whole here, before anything of any source is taken over.

    Raises:
        CsvError: A file is not what it should be.
    """
    keys = inspection.key_types(mapping)
    post_type = keys["post"]
    connection.execute(row_sql.DONE)
    found = []
    for kind, source in mapping.histories.items():
        if isinstance(source, MappedFile):
            table = stage(connection, kind, source, keys)
            found.append(History(connection, kind, source.path.name, table, post_type))
        else:
            found.append(History(connection, kind, str(source.name), source, post_type))
    return found


def _rows(connection: Connection[Any], kind: str, table: MappedTable, post_type: str) -> Text:
    columns = columns_of(connection, table.name)
    user, post = table.columns["user"], table.columns["post"]
    user_key, post_key = (sql.SQL("{}").format(sql.Identifier(name)) for name in (user, post))
    parts = [
        sql.SQL("{} AS user_id").format(feed_id("user", user_key, columns[user].type)),
        sql.SQL("{} AS post_id").format(known_id("post", post_key, post_type)),
        sql.SQL("{}::timestamptz AS at").format(sql.Identifier(table.columns["at"])),
    ]
    parts += [
        sql.SQL("{}::bigint AS {}").format(
            sql.Identifier(table.columns[name]) if kind == "watches" else sql.SQL("NULL"),
            sql.Identifier(name),
        )
        for name in ("play_ms", "duration_ms")
    ]
    return sql.SQL("SELECT {} FROM {} WHERE ctid >= %(low)s::tid AND ctid < %(high)s::tid").format(
        sql.SQL(", ").join(parts), sql.Identifier(table.name.schema, table.name.table)
    )


def _ranges(connection: Connection[Any], table: str) -> Iterator[tuple[str, str]]:
    row = connection.execute(
        "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint", [table]
    ).fetchone()
    blocks = int(row[0]) if row else 0
    for low in range(0, blocks, _BLOCKS):
        yield f"({low},0)", f"({low + _BLOCKS},0)"
