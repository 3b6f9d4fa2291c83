"""Postgres access: statements of one viewer, sent together, within a time budget.

A Lambda container has one thread and so one connection; the local tests have several threads, and
each has its own. Nothing session-wide is set on a connection, so a pooler may share it.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import RowMaker, tuple_row
from psycopg.types.json import Jsonb as Json
from pydantic import AfterValidator, BeforeValidator, SecretStr

from shared.errors import DatabaseUnavailableError
from shared.settings import without_blanks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from psycopg.abc import PQGen

__all__ = ["Database", "DatabaseUrl", "Json", "Postgres", "Statement"]

RowT = TypeVar("RowT")
T = TypeVar("T")

_CONNECT_TIMEOUT_S = 2  # libpq's smallest
_MAX_PORT = 65_535
_CLAIMS = (
    b"SELECT set_config('request.jwt.claims', %s, true), set_config('statement_timeout', %s, true)"
)


def _that_libpq_takes(url: SecretStr) -> SecretStr:
    try:
        given = conninfo_to_dict(url.get_secret_value())
    except psycopg.ProgrammingError:
        given = {}  # its text repeats the URL, password and all
    ports = [port for port in str(given.get("port") or "").split(",") if port]
    if not given or not all(p.isdecimal() and 0 < int(p) <= _MAX_PORT for p in ports):
        raise ValueError("is not a Postgres URL")
    return url


DatabaseUrl = Annotated[
    SecretStr, BeforeValidator(without_blanks), AfterValidator(_that_libpq_takes)
]


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with its named parameters, and how a row is made of its columns."""

    sql: bytes
    params: Mapping[str, Any] = field(default_factory=dict)
    make_row: Callable[..., Any] = lambda *columns: columns


class Database(Protocol):
    """What the functions need of Postgres."""

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        """Run statements in one transaction and one round trip; a list of rows each."""


class _BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose waits end at a deadline, whatever the network does."""

    deadline: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        if self.deadline is not None:
            left = max(self.deadline - time.monotonic(), 0.001)
            timeout = left if timeout is None else min(left, timeout)
        return super().wait(gen, interval=interval, timeout=timeout)


class Postgres:
    """Runs statements on one connection per thread, which is replaced when it is lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        """Run statements in one transaction and one round trip.

        Every statement must be safe to run twice: after a lost connection all are sent once more,
        since nobody can tell whether they were committed.

        Args:
            statements: In order; later ones see what earlier ones wrote.
            viewer: Whose claims hold for the transaction; None for none.
            budget_s: Seconds for all of it, connecting aside.

        Returns:
            For each statement its rows.

        Raises:
            DatabaseUnavailableError: No answer within the budget, or no connection.
        """
        connection: _BoundedConnection | None = getattr(self._local, "connection", None)
        if connection is not None and not connection.closed:
            try:
                return _send(connection, statements, viewer, budget_s)
            except psycopg.OperationalError as error:
                # An idle connection may have been cut. A timeout is no such case: no second try.
                if _timed_out(error) or not _is_lost(connection):
                    self.close()
                    raise DatabaseUnavailableError from error
        self.close()
        try:
            self._local.connection = _BoundedConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                prepare_threshold=None,  # prepared statements would pin a pooler's connection
            )
            return _send(self._local.connection, statements, viewer, budget_s)
        except psycopg.OperationalError as error:
            self.close()
            raise DatabaseUnavailableError from error

    def close(self) -> None:
        """Close this thread's connection, if there is one."""
        connection: _BoundedConnection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.deadline = None
            connection.close()


def _send(
    connection: _BoundedConnection,
    statements: Sequence[Statement],
    viewer: UUID | None,
    budget_s: float,
) -> list[list[Any]]:
    claims = json.dumps({"sub": str(viewer), "role": "authenticated"}) if viewer else ""
    connection.deadline = time.monotonic() + budget_s
    cursors = []
    # What a pipeline sends up to its end is one transaction; BEGIN and COMMIT would each wait.
    with connection.pipeline():
        # The server gives up a little earlier than this side, so that the connection survives.
        connection.execute(_CLAIMS, (claims, str(max(int(budget_s * 900), 1))), binary=True)
        for statement in statements:
            cursor = connection.cursor(binary=True, row_factory=_rows(statement.make_row))
            cursors.append(cursor.execute(statement.sql, statement.params))
    return [cursor.fetchall() for cursor in cursors]


def _rows(make_row: Callable[..., RowT]) -> Callable[[Any], RowMaker[RowT]]:
    def factory(cursor: psycopg.Cursor[Any]) -> RowMaker[RowT]:
        if cursor.description is None:
            return tuple_row(cursor)  # type: ignore[return-value]  # a statement without rows
        return lambda values: make_row(*values)

    return factory


def _is_lost(connection: _BoundedConnection) -> bool:
    return connection.closed


def _timed_out(error: psycopg.OperationalError) -> bool:
    return isinstance(error, psycopg.errors.QueryCanceled) or "timeout" in str(error)
