"""The feed's Lambda handler in this process, in simulated time, called as API Gateway calls it."""

from __future__ import annotations

import importlib
import io
import json
import os
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch
from urllib.parse import urlencode

from local.gateway.answers import read_answer
from local.gateway.events import HttpRequest, build_event
from local.gateway.schedules import scheduled_event
from local.gateway.template import load_template
from local.paths import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from evaluation.clock import Clock

_SUCCESS = range(200, 300)
_FUNCTION_MS = 600_000  # what an invocation has left: a machine that is slow changes no figure
_SETTINGS = {
    "CURSOR_SECRET": "a-secret-of-the-simulation",
    "DATABASE_BUDGET_MS": "10000",
    "CACHE_BUDGET_MS": "10000",
    "PREPARE_BUDGET_MS": "10000",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_TRACE_DISABLED": "1",
}


class RefusedError(Exception):
    """The feed answered a simulated client with an error."""


@dataclass(frozen=True)
class Backend:
    """Where the real feed keeps its data: a database with a simulated clock, and a table.

    Attributes:
        admin_url: Postgres, as the owner of the schema.
        app_url: Postgres, as the function connects.
        dynamodb_endpoint_url: DynamoDB.
        session_table: Its table.
        environment: The AWS variables with which DynamoDB is called.
    """

    admin_url: str
    app_url: str
    dynamodb_endpoint_url: str
    session_table: str
    environment: Mapping[str, str]


class _Nowhere(io.StringIO):
    """Takes the metrics that the function prints for CloudWatch, and keeps none."""

    def write(self, text: str, /) -> int:
        return len(text)


_NOWHERE = _Nowhere()


class Handler:
    """The handler, set up anew. A context manager: one at a time in a process.

    Args:
        backend: Where its data are.
        settings: Its further settings, by their variables' names.
        clock: The time that it sees.
        new_id: Makes ids of invocations, and of sessions for which a client brings none.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Mapping[str, str],
        clock: Clock,
        new_id: Callable[[], UUID],
    ) -> None:
        self._environment = {
            **_SETTINGS,
            **backend.environment,
            "DATABASE_URL": backend.app_url,
            "SESSION_TABLE": backend.session_table,
            "DYNAMODB_ENDPOINT_URL": backend.dynamodb_endpoint_url,
            **settings,
        }
        self._clock = clock
        self._new_id = new_id
        self._routes = load_template(TEMPLATE, {}).routes
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, self._environment))
            # Only now: the handler's module reads Powertools' settings when it is imported.
            app: Any = importlib.import_module("functions.feed_ranker.app")
            stack.enter_context(patch.object(app, "datetime", self._clock))
            container = importlib.import_module("functions.feed_ranker.container")
            # What exploration draws follows from the ids of sessions.
            stack.enter_context(patch.object(container, "uuid4", self._new_id))
            app.container.cache_clear()
            stack.callback(app.container.cache_clear)
            database = app.container().database
            stack.callback(database.close)
            # Flags and watch norms are read once a simulated minute.
            database._clock = lambda: self._clock.now().timestamp()  # noqa: SLF001  # has no other door
            self._handle = app.lambda_handler
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def call(
        self,
        method: str,
        path: str,
        viewer: UUID,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> dict[str, Any]:
        """The answer to one viewer's request.

        Raises:
            RefusedError: It is an error.
        """
        route = next(r for r in self._routes if r.match(method, path) is not None)
        request = HttpRequest(
            method,
            path,
            urlencode(query or {}),
            [("content-type", "application/json")],
            b"" if body is None else json.dumps(body).encode(),
        )
        event = build_event(
            request,
            route,
            {},
            request_id="simulated",
            now=self._clock.now(),
            claims={"sub": str(viewer)},
        )
        answer = read_answer(self._invoke(event))
        if answer.status not in _SUCCESS:
            raise RefusedError(f"{method} {path}: {answer.status} {answer.body.decode()}")
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def keep_up(self) -> None:
        """What the schedule invokes."""
        self._invoke(scheduled_event(self._clock.now()))

    def _invoke(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401  # whatever it answers
        context = SimpleNamespace(
            aws_request_id=str(self._new_id()),
            function_name="feed_ranker",
            get_remaining_time_in_millis=lambda: _FUNCTION_MS,
        )
        with redirect_stdout(_NOWHERE):
            return self._handle(event, context)
