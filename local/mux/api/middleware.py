"""Middleware of the API: credentials, rate limits, and the count of requests."""

import base64
import hmac
import time

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.mux.api.fault_middleware import FaultMiddleware
from local.mux.errors import MuxError, TooManyRequestsError
from local.mux.stand_in import StandIn


class ApiMiddleware:
    """ASGI middleware that every request to the API passes."""

    def __init__(self, app: ASGIApp, stand_in: StandIn) -> None:
        self._app = FaultMiddleware(app, stand_in)
        self._stand_in = stand_in
        pair = f"{stand_in.settings.token_id}:{stand_in.settings.token_secret}"
        self._credentials = b"Basic " + base64.b64encode(pair.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the API, or refuse it."""
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
        given = Headers(scope=scope).get("authorization", "").encode()
        if not hmac.compare_digest(given, self._credentials):
            refusal = MuxError(401, "unauthorized", "Unauthorized request")
            await _refuse(refusal)(scope, receive, send)
        elif not self._stand_in.limits.allow(scope["method"]):
            await _refuse(TooManyRequestsError())(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _refuse(error: MuxError) -> JSONResponse:
    return JSONResponse(error.body(), error.status)
