"""One round trip: statements out, results in, the connection left as it was found.

psycopg's own pipeline sends a Flush after its last Sync. A pooler in transaction mode takes that
for the start of another transaction: it binds a server connection to a client that is idle, and
with a small pool others wait for it. So the pipeline is run here on libpq itself, and nothing
follows its Sync.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

from shared.postgres.faults import NoAnswerError
from shared.postgres.statement import Statement, as_they_are, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.pq.abc import PGconn, PGresult

_READ: Final = select.POLLIN | select.POLLPRI
_READ_AND_WRITE: Final = _READ | select.POLLOUT


class Link:
    """One connection, used for one exchange after the other."""

    def __init__(self, url: str, connect_timeout_s: int) -> None:
        """Connect.

        Raises:
            psycopg.OperationalError: There is no connection.
        """
        self._connection = psycopg.Connection.connect(
            url, autocommit=True, connect_timeout=connect_timeout_s
        )
        self._pgconn = self._connection.pgconn
        self._pgconn.enter_pipeline_mode()
        self._transformer = Transformer(self._connection)
        self._waiting = select.poll()
        self._socket = self._pgconn.socket
        self._waiting.register(self._socket, _READ)

    @property
    def usable(self) -> bool:
        """Whether another exchange can be tried."""
        return not self._connection.closed

    def close(self) -> None:
        """Close the connection, whatever it is doing."""
        self._connection.close()

    def exchange(self, statements: Sequence[Statement], deadline: float) -> list[list[Any]]:
        """Run statements in one transaction.

        What a pipeline sends up to its Sync is one transaction, committed with the Sync.

        Args:
            statements: In order.
            deadline: Until when, by `time.monotonic`, the answer is waited for. After that the
                connection can only be closed.

        Returns:
            For each statement its rows.

        Raises:
            NoAnswerError: The deadline has passed.
            psycopg.Error: The server refused a statement or the commit, or the connection broke.
        """
        for statement in statements:
            self._send(statement)
        self._pgconn.pipeline_sync()
        results = self._receive(deadline)
        _raise_first_error(results)
        return [
            self._rows(result, statement.make_row)
            for result, statement in zip(results, statements, strict=True)
        ]

    def _send(self, statement: Statement) -> None:
        sql, names = numbered(statement.sql)
        transformer = self._transformer
        params = [statement.params[name] for name in names]
        values = transformer.dump_sequence(params, list(map(_format, params)))
        self._pgconn.send_query_params(
            sql, values, transformer.types, transformer.formats, pq.Format.BINARY
        )

    def _rows(self, result: PGresult, make_row: Callable[..., Any]) -> list[Any]:
        self._transformer.set_pgresult(result, format=pq.Format.BINARY)
        load = self._transformer.load_rows
        if make_row is as_they_are:  # spares a call for each row
            return load(0, result.ntuples, tuple)
        return load(0, result.ntuples, lambda columns: make_row(*columns))

    def _receive(self, deadline: float) -> list[PGresult]:
        """Send what is left to send and gather the results up to the Sync."""
        pgconn = self._pgconn
        results: list[PGresult] = []
        unsent = pgconn.flush()
        while True:
            if _gather(pgconn, results):
                return results
            self._waiting.modify(self._socket, _READ_AND_WRITE if unsent else _READ)
            left_s = deadline - time.monotonic()
            ready = self._waiting.poll(left_s * 1000) if left_s > 0 else []
            if not ready:
                raise NoAnswerError("no answer in time")
            if ready[0][1] & ~select.POLLOUT:
                _consume(pgconn, results)
            if unsent:
                unsent = pgconn.flush()


def _format(value: object) -> PyFormat:
    """Return how a parameter is sent. psycopg would send lists as text, item by item.

    For ids that takes four times as long as their bytes do. Lists of others are left to it.
    """
    holds_ids = isinstance(value, list) and bool(value) and isinstance(value[0], UUID)
    return PyFormat.BINARY if holds_ids else PyFormat.AUTO


def _consume(pgconn: PGconn, results: list[PGresult]) -> None:
    """Read what has arrived. Where the connection broke, the server's last word is the error."""
    try:
        pgconn.consume_input()
    except psycopg.OperationalError:
        _gather(pgconn, results)
        _raise_first_error(results)
        raise


def _gather(pgconn: PGconn, results: list[PGresult]) -> bool:
    """Move the results that are complete into `results`; whether the Sync was among them."""
    ended = False  # libpq ends the results of each statement with an empty one
    while not pgconn.is_busy():
        result = pgconn.get_result()
        if result is None:
            if ended:
                _raise_where_broken(pgconn, results)
                return False
            ended = True
            continue
        ended = False
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            return True
        results.append(result)
    return False


def _raise_where_broken(pgconn: PGconn, results: list[PGresult]) -> None:
    if pgconn.status == pq.ConnStatus.BAD:
        _raise_first_error(results)
        raise psycopg.OperationalError(pgconn.get_error_message())


def _raise_first_error(results: Sequence[PGresult]) -> None:
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            if result.error_field(pq.DiagnosticField.SQLSTATE) is None:  # libpq's own
                raise psycopg.OperationalError(result.get_error_message())
            raise error_from_result(result)
