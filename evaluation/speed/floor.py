"""The floor of a latency: the time of as many bare calls to the same Postgres and DynamoDB."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from shared.dynamodb import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evaluation.speed.recording import Calls, DynamoCall

_BUDGET_S = 10.0
_METHODS = {
    "GetItem": "get_item",
    "BatchGetItem": "batch_get_item",
    "Query": "query",
    "PutItem": "put_item",
}


class Floor:
    """A repetition of an invocation's calls with nothing in them.

    A round trip to Postgres becomes a pipelined transaction. It has one `SELECT 1` for each
    statement, including the statement that sets the claims. A read of DynamoDB becomes the same
    read. A write becomes a write of the same item without its condition, under another key.
    """

    def __init__(self, connection: psycopg.Connection[Any], dynamodb_url: str) -> None:
        self._connection = connection
        self._dynamodb = connect(dynamodb_url, _BUDGET_S)

    def milliseconds(self, calls: Calls) -> float:
        """Return how many milliseconds the bare calls take."""
        requests = [_bare(call) for call in calls.dynamodb]
        started = time.perf_counter()
        for statements in calls.postgres:
            self._transaction(1 + statements)
        for method, request in requests:
            getattr(self._dynamodb, method)(**request)
        return (time.perf_counter() - started) * 1e3

    def close(self) -> None:
        """Close the client of DynamoDB."""
        self._dynamodb.close()

    def _transaction(self, statements: int) -> None:
        with self._connection.pipeline():  # the block is one transaction and one round trip
            cursors = [self._connection.execute(b"SELECT 1") for _ in range(statements)]
        for cursor in cursors:
            cursor.fetchall()


@contextmanager
def floor(database_url: str, dynamodb_url: str) -> Iterator[Floor]:
    """Yield a floor with connections of its own, which are closed after the block."""
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=None) as connection:
        opened = Floor(connection, dynamodb_url)
        try:
            yield opened
        finally:
            opened.close()


def _bare(call: DynamoCall) -> tuple[str, dict[str, Any]]:
    request = call.request
    if call.operation == "PutItem":
        item = request["Item"]
        elsewhere = {"S": item["pk"]["S"].replace("feed#", "bare#", 1)}
        request = {"TableName": request["TableName"], "Item": {**item, "pk": elsewhere}}
    return _METHODS[call.operation], request
