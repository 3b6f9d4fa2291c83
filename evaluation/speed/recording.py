"""A record of each round trip to Postgres and each call of DynamoDB that a handler makes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from botocore.exceptions import ClientError

from evaluation.speed import capacity
from shared.dynamodb import DynamoDB
from shared.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from shared.postgres import Statement

_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


@dataclass(frozen=True, slots=True)
class DynamoCall:
    """One call of DynamoDB.

    Attributes:
        operation: The name of the operation in boto3.
        request: The parameters of the call.
        read_units: The read units that it consumed.
        write_units: The write units that it consumed.
    """

    operation: str
    request: dict[str, Any]
    read_units: float
    write_units: float

    @property
    def writes(self) -> bool:
        """Tell whether the call is a write."""
        return self.operation in _WRITES


@dataclass(slots=True)
class Calls:
    """The calls of one invocation.

    Attributes:
        postgres: The number of statements of each round trip.
        dynamodb: The calls of DynamoDB.
        postgres_ms: The time that the round trips to Postgres took, the client's part included.
        dynamodb_ms: The same of the calls of DynamoDB.
    """

    postgres: list[int] = field(default_factory=list)
    dynamodb: list[DynamoCall] = field(default_factory=list)
    postgres_ms: float = 0.0
    dynamodb_ms: float = 0.0

    @property
    def ms(self) -> float:
        """Return the time that all calls took."""
        return self.postgres_ms + self.dynamodb_ms

    @property
    def round_trips(self) -> dict[str, int]:
        """Return the number of remote round trips by kind."""
        writes = sum(call.writes for call in self.dynamodb)
        return {
            "postgres": len(self.postgres),
            "dynamodb_read": len(self.dynamodb) - writes,
            "dynamodb_write": writes,
        }

    @property
    def read_units(self) -> float:
        """Return the read units of DynamoDB."""
        return sum(call.read_units for call in self.dynamodb)

    @property
    def write_units(self) -> float:
        """Return the write units of DynamoDB."""
        return sum(call.write_units for call in self.dynamodb)


class Recorder:
    """A recorder of the calls that are made during an invocation."""

    def __init__(self) -> None:
        self._calls: Calls | None = None

    @contextmanager
    def invocation(self) -> Iterator[Calls]:
        """Yield the calls that are made while the block runs."""
        self._calls = Calls()
        try:
            yield self._calls
        finally:
            self._calls = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to both clients while the block runs."""
        run, call = Postgres.run, DynamoDB.call

        def recorded_run(
            database: Postgres,
            *statements: Statement,
            viewer: UUID | None,
            budget_s: float,
            optional: bool = False,
        ) -> list[list[Any]]:
            started = time.perf_counter()
            try:
                return run(
                    database, *statements, viewer=viewer, budget_s=budget_s, optional=optional
                )
            finally:
                if self._calls is not None:
                    self._calls.postgres.append(len(statements))
                    self._calls.postgres_ms += (time.perf_counter() - started) * 1e3

        def recorded_call(
            client: DynamoDB, operation: str, request: dict[str, Any]
        ) -> dict[str, Any]:
            started = time.perf_counter()
            try:
                answer = call(client, operation, request)
            except ClientError as error:
                self._note(operation, request, dict(error.response), started)
                raise
            self._note(operation, request, answer, started)
            return answer

        with (
            patch.object(Postgres, "run", recorded_run),
            patch.object(DynamoDB, "call", recorded_call),
        ):
            yield

    def _note(
        self, operation: str, request: dict[str, Any], answer: dict[str, Any], started: float
    ) -> None:
        if self._calls is not None:
            self._calls.dynamodb_ms += (time.perf_counter() - started) * 1e3
            consumed = capacity.units(operation, request, answer)
            self._calls.dynamodb.append(DynamoCall(operation, request, *consumed))
