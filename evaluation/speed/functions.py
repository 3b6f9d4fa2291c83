"""The real handlers, called in this process as in a warm container of each function."""

from __future__ import annotations

import importlib
import json
import os
import time
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlencode
from uuid import uuid4

from awslambdaric.lambda_context import LambdaContext

from local.gateway.events import HttpRequest, build_event
from local.gateway.template import load_template
from local.paths import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from evaluation.speed.recording import Calls, Recorder
    from shared.postgres import Postgres

_INVOCATION_S = 60


class RefusedError(Exception):
    """A handler did not answer with success."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request, its answer and what it cost.

    Attributes:
        status: The HTTP status.
        body: The body of the answer.
        size: The size of the answer in bytes.
        wall_ms: The milliseconds from the event to the answer.
        cpu_ms: The milliseconds of processor time that this thread used in between.
        calls: The calls of Postgres and DynamoDB.
    """

    status: int
    body: dict[str, Any]
    size: int
    wall_ms: float
    cpu_ms: float
    calls: Calls


class Functions:
    """The handlers over one data set.

    Args:
        environment: The variables of both functions, without DATABASE_URL.
        urls: The DATABASE_URL of each function by its name, such as `feed_ranker`.
        recorder: The recorder of what they call. It must be installed.
    """

    def __init__(
        self, environment: Mapping[str, str], urls: Mapping[str, str], recorder: Recorder
    ) -> None:
        self._recorder = recorder
        self._template = load_template(TEMPLATE, {})
        self._containers: dict[str, Any] = {}
        self._apps: dict[str, Any] = {}
        # The handlers write logs and metrics as on Lambda. Nobody reads them here.
        self._silence = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - closed in close()
        for function, url in urls.items():
            with (
                patch.dict(os.environ, {**environment, "DATABASE_URL": url}),
                redirect_stdout(self._silence),
            ):
                app = importlib.import_module(f"functions.{function}.app")
                app.container.cache_clear()
                self._apps[function] = app
                self._containers[function] = app.container()
                app.container.cache_clear()

    def database(self, function: str) -> Postgres:
        """Return the access to Postgres that a function uses."""
        kept = self._containers[function]
        database: Postgres = kept.store.database if function == "mux_webhook" else kept.database
        return database

    def get(self, path: str, viewer: UUID, **query: object) -> Invocation:
        """Send a GET request as a viewer."""
        return self._request("GET", path, urlencode(query), viewer, b"", {})

    def post(
        self,
        path: str,
        body: bytes,
        viewer: UUID | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Invocation:
        """Send a POST request with JSON, as a viewer or without one."""
        return self._request("POST", path, "", viewer, body, headers or {})

    def close(self) -> None:
        """Close the functions' connections to Postgres."""
        for function in self._containers:
            self.database(function).close()
        self._silence.close()

    def _request(
        self,
        method: str,
        path: str,
        query: str,
        viewer: UUID | None,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Invocation:
        found = self._template.match(method, path)
        if found is None:
            raise RefusedError(f"the template has no route for {method} {path}")
        route, parameters = found
        sent = {"host": "api.example.com", "content-type": "application/json", **headers}
        event = build_event(
            HttpRequest(method, path, query, tuple(sent.items()), body),
            route,
            parameters,
            request_id=str(uuid4()),
            now=datetime.now(UTC),
            claims={"sub": str(viewer)} if viewer else None,
        )
        return self._invoke(self._template.functions[route.function].name, event)

    def _invoke(self, function: str, event: dict[str, Any]) -> Invocation:
        app, kept = self._apps[function], self._containers[function]
        deadline = int((time.time() + _INVOCATION_S) * 1000)
        context = LambdaContext(str(uuid4()), None, None, deadline, f"arn:aws:lambda:::{function}")
        with (
            patch.object(app, "container", lambda: kept),
            redirect_stdout(self._silence),
            self._recorder.invocation() as calls,
        ):
            cpu, wall = time.thread_time(), time.perf_counter()
            answer = app.lambda_handler(event, context)
            wall_ms, cpu_ms = (time.perf_counter() - wall) * 1e3, (time.thread_time() - cpu) * 1e3
        text = answer["body"]
        if answer["statusCode"] >= 300:  # noqa: PLR2004 - beyond it HTTP has no success
            raise RefusedError(f"{event['routeKey']} was answered {answer['statusCode']}: {text}")
        body = json.loads(text)
        return Invocation(answer["statusCode"], body, len(text.encode()), wall_ms, cpu_ms, calls)


@contextmanager
def opened(
    environment: Mapping[str, str], urls: Mapping[str, str], recorder: Recorder
) -> Iterator[Functions]:
    """Yield functions, and close them after the block."""
    functions = Functions(environment, urls, recorder)
    try:
        yield functions
    finally:
        functions.close()
