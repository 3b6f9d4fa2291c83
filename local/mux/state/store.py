"""Store records on disk, so that the stand-in continues after a restart where it ended."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

Record = TypeVar("Record", bound=BaseModel)

_SCHEMA = """
create table if not exists records (
    number integer primary key,
    kind text not null,
    id text not null,
    body text not null,
    unique (kind, id)
)
"""
_PUT = """
insert into records (kind, id, body) values (?, ?, ?)
on conflict (kind, id) do update set body = excluded.body
"""


class Store:
    """Records by the name of their model and their id, oldest first."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma journal_mode = wal")
        # A crash of the process loses nothing. A crash of the machine may lose the last changes.
        self._connection.execute("pragma synchronous = off")
        self._connection.execute(_SCHEMA)

    def put(self, key: str | int, record: BaseModel) -> None:
        """Write a record, and replace its earlier state."""
        row = (type(record).__name__, str(key), record.model_dump_json())
        self._connection.execute(_PUT, row)

    def load(self, model: type[Record]) -> Iterator[Record]:
        """Return all records of a model, the oldest first."""
        query = "select body from records where kind = ? order by number"
        for (body,) in self._connection.execute(query, (model.__name__,)):
            yield model.model_validate_json(body)

    def clear(self) -> None:
        """Delete all records."""
        self._connection.execute("delete from records")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
