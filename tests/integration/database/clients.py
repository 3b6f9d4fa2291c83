"""Connections to a test's database: as its operator, or as a role with a viewer's claims."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

T = TypeVar("T")
Connection = psycopg.Connection[Any]
Row = dict[str, Any]


@contextmanager
def operator(url: str) -> Iterator[Connection]:
    """A connection whose every statement commits, with rows as dicts."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@contextmanager
def claiming(url: str, claims: str | None) -> Iterator[Connection]:
    """One transaction under the given claims (raw, as a proxy would pass them), then a rollback."""
    with (
        psycopg.connect(url, row_factory=dict_row) as connection,
        connection.transaction(force_rollback=True),
    ):
        if claims is not None:
            connection.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
        yield connection


def claims_of(viewer: UUID, **others: str) -> str:
    """The claims of a token whose subject is the viewer."""
    return json.dumps({"sub": str(viewer), "role": "authenticated", **others})


def call(
    url: str, viewer: UUID, statement: LiteralString, parameters: Sequence[Any] = ()
) -> list[Row]:
    """Runs and commits one statement as the viewer; its rows."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims_of(viewer)])
        return connection.execute(statement, parameters).fetchall()


def at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Runs the tasks in a thread each, begun together; their results in order."""
    start = Barrier(len(tasks))

    def run(task: Callable[[], T]) -> T:
        start.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def refresh_counters(connection: Connection) -> None:
    """Let the server's counters show all that this connection has done so far."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT pg_stat_clear_snapshot()")


def wait_for_older_transactions(connection: Connection) -> None:
    """Return once no transaction of the server is older than what was written until now.

    As long as one is that has written something, in whatever database, no scan may note which rows
    and index entries are dead, and each looks at them all again. What a statement costs would then
    depend on the tests that run beside it.
    """
    assert connection.info.transaction_status == TransactionStatus.IDLE  # it would wait for itself
    xmin: LiteralString = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xid"
    written = connection.execute("SELECT pg_current_xact_id()::text::bigint AS xid").fetchone()
    assert written is not None
    while (oldest := connection.execute(xmin).fetchone()) and oldest["xid"] <= written["xid"]:
        pass
