"""Middleware of the API: credentials, rate limits, faults, and the count of requests."""

import asyncio
import base64
import contextlib
import hmac
import time
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.mux.api.faults import ApiFault
from local.mux.errors import MuxError, TooManyRequestsError
from local.mux.stand_in import StandIn


class ApiMiddleware:
    """ASGI middleware that every request to the API passes."""

    def __init__(self, app: ASGIApp, stand_in: StandIn) -> None:
        self._app = app
        self._stand_in = stand_in
        pair = f"{stand_in.settings.token_id}:{stand_in.settings.token_secret}"
        self._credentials = b"Basic " + base64.b64encode(pair.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the API, answer it, or leave it without an answer."""
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._admit(scope, receive, watch)
        finally:
            self._stand_in.calls.add(time.time(), scope["method"], scope["path"], status)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        given = Headers(scope=scope).get("authorization", "").encode()
        if not hmac.compare_digest(given, self._credentials):
            refusal = MuxError(401, "unauthorized", "Unauthorized request")
            await _refuse(refusal)(scope, receive, send)
        elif not self._stand_in.limits.allow(method):
            await _refuse(TooManyRequestsError())(scope, receive, send)
        elif fault := self._stand_in.faults.find(method, scope["path"]):
            await self._apply_fault(fault, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _apply_fault(
        self, fault: ApiFault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
            return
        if fault.done:
            await self._app(scope, receive, _swallow)
        if fault.kind == "status":
            error = MuxError(fault.status, "fault", "This answer was asked for by a rule")
            if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
                error = TooManyRequestsError()
            refusal = _refuse(error)
            if fault.retry_after is not None:
                refusal.headers["retry-after"] = str(fault.retry_after)
            await refusal(scope, receive, send)
            return
        if fault.kind == "hang":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(fault.seconds):
                    await _disconnection(receive)
                    return
        self._stand_in.connections.cut(*scope["client"])
        await _disconnection(receive)


def _refuse(error: MuxError) -> JSONResponse:
    return JSONResponse(error.body(), error.status)


async def _swallow(_message: Message) -> None:
    """Discard an answer, as if it were lost on its way."""


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
