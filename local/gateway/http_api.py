"""The HTTP API: from a request to the function that answers it, and back."""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from local.gateway.answers import HttpAnswer, MalformedAnswerError, read_answer
from local.gateway.authorizer import UnauthorizedError
from local.gateway.events import (
    MAX_EVENT_BYTES,
    MAX_HEADER_BYTES,
    MAX_LINE_BYTES,
    MAX_PAYLOAD_BYTES,
    HttpRequest,
    build_event,
)
from local.gateway.problems import problem
from local.gateway.workers import FunctionTimeoutError, HandlerError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from local.gateway.authorizer import Authorizer
    from local.gateway.cells import Placement
    from local.gateway.template import Template
    from local.gateway.workers import WorkerPool

# Set by the server itself from the body that it sends.
OWN_HEADERS = {"content-length", "transfer-encoding", "connection"}


class HttpApi:
    """An HTTP API as an ASGI application.

    Args:
        template: its routes.
        authorizer: checks the tokens of the routes that want one.
        pools: logical id to the function's workers.
    """

    def __init__(
        self, template: Template, authorizer: Authorizer, pools: Mapping[str, WorkerPool]
    ) -> None:
        self._template = template
        self._authorizer = authorizer
        self._pools = pools
        self._cells: Mapping[int, WorkerPool] = {}
        self._placement: Placement | None = None
        self._claim = "sub"

    def send_to_cells(
        self, cells: Mapping[int, WorkerPool], placement: Placement, claim: str
    ) -> None:
        """Let the feed's function of each viewer's own cell answer.

        Args:
            cells: the feed's function in each cell, by the cell's number.
            placement: knows each viewer's cell.
            claim: the token's claim that holds the viewer's id.
        """
        self._cells, self._placement, self._claim = cells, placement, claim

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request_id = str(uuid.uuid4())
        try:
            answer = await self._answer(Request(scope, receive), request_id)
        except ClientDisconnect:
            return
        headers = [(name, value) for name, value in answer.headers if name not in OWN_HEADERS]
        headers.append(("apigw-requestid", request_id))
        empty = answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        response = Response(b"" if empty else answer.body, answer.status)
        response.raw_headers += [(n.encode("ascii"), v.encode("ascii")) for n, v in headers]
        await response(scope, receive, send)

    async def _answer(self, incoming: Request, request_id: str) -> HttpAnswer:
        scope = incoming.scope
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
        too_much = _too_much(line, sum(len(value) for _, value in headers))
        if too_much is not None:
            return problem(*too_much, request_id)
        request = HttpRequest(
            method=scope["method"],
            raw_path=scope["raw_path"].decode("ascii"),
            raw_query=scope["query_string"].decode("ascii"),
            headers=headers,
            source_ip=incoming.client.host if incoming.client else "127.0.0.1",
            protocol=f"HTTP/{scope['http_version']}",
        )
        cors = self._template.cors
        if cors is None:
            return await self._routed(incoming, request, request_id)
        return cors.preflight(request) or cors.applied(
            request, await self._routed(incoming, request, request_id)
        )

    async def _routed(self, incoming: Request, request: HttpRequest, request_id: str) -> HttpAnswer:
        found = self._template.match(request.method, request.path)
        if found is None:
            return problem(HTTPStatus.NOT_FOUND, "there is no such route", request_id)
        route, path_parameters = found
        claims = None
        if route.authorized:
            try:
                claims = self._authorizer.authorize(request.header("authorization"))
            except UnauthorizedError as error:
                return problem(HTTPStatus.UNAUTHORIZED, str(error), request_id)
        body = await _read_body(incoming)
        if body is None:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return problem(status, "the body exceeds 10 MB", request_id)
        event = build_event(
            replace(request, body=body),
            route,
            path_parameters,
            request_id=request_id,
            now=datetime.now(UTC),
            claims=claims,
        )
        if len(json.dumps(event, ensure_ascii=False).encode()) > MAX_EVENT_BYTES:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return problem(status, "the request exceeds Lambda's 6 MB", request_id)
        pool = self._pools[route.function]
        cells = {cell.function.logical_id for cell in self._cells.values()}
        if pool.function.logical_id in cells:
            return await self._in_cell(pool, event, claims or {}, request_id)
        return await self._invoke(pool, event, request_id)

    async def _in_cell(
        self, catalogue: WorkerPool, event: dict[str, Any], claims: dict[str, Any], request_id: str
    ) -> HttpAnswer:
        assert self._placement is not None  # noqa: S101  (asked by the caller)
        try:
            viewer = uuid.UUID(str(claims.get(self._claim)))
        except ValueError:
            # The function refuses it, whichever it is.
            return await self._invoke(catalogue, event, request_id)
        cell = await self._placement.cell_of(viewer)
        pool = self._cells.get(cell) if cell is not None else None
        if pool is None:
            answer = problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "the viewer is being moved", request_id
            )
            return replace(answer, headers=[*answer.headers, ("retry-after", "1")])
        return await self._invoke(pool, event, request_id)

    async def _invoke(self, pool: WorkerPool, event: dict[str, Any], request_id: str) -> HttpAnswer:
        function = pool.function.logical_id
        try:
            return read_answer(await pool.invoke(event))
        except WorkerDiedError:
            return problem(HTTPStatus.BAD_GATEWAY, "the function's process ended", request_id)
        except FunctionTimeoutError:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return problem(status, "the function took too long", request_id)
        except HandlerError:
            # What it raised is in the function's log; a client learns nothing of it.
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return problem(status, "the function failed", request_id)
        except MalformedAnswerError as error:
            print(f"{function} answered what is no HTTP: {error}", file=sys.stderr)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return problem(status, "the function's answer is malformed", request_id)


def _too_much(line: int, headers: int) -> tuple[HTTPStatus, str] | None:
    if line > MAX_LINE_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG, "the request line exceeds 16 kB"
    if headers > MAX_HEADER_BYTES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers exceed 10,240 bytes"
    return None


async def _read_body(request: Request) -> bytes | None:
    """The whole body; None, without reading on, where it exceeds API Gateway's limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_PAYLOAD_BYTES:
            return None
    return bytes(body)
