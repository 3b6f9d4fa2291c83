"""ASGI middleware that applies the rules about the API, also to upload addresses."""

import asyncio
import contextlib
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.mux.api.faults import ApiFault
from local.mux.errors import MuxError, TooManyRequestsError
from local.mux.stand_in import StandIn


class FaultMiddleware:
    """Applies the first rule that matches a request, or passes the request on.

    Args:
        app: The application behind it.
        stand_in: The stand-in, which has the rules.
    """

    def __init__(self, app: ASGIApp, stand_in: StandIn) -> None:
        self._app = app
        self._stand_in = stand_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, answer it, or leave it without an answer."""
        # A preflight is no request of its own: a rule would count it as one.
        method = scope["method"]
        fault = self._stand_in.faults.find(method, scope["path"]) if method != "OPTIONS" else None
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        else:
            if fault.done:
                await self._app(scope, receive, _discard)
            await self._refuse(fault, scope, receive, send)

    async def _refuse(self, fault: ApiFault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "status":
            await _answer(fault, scope)(scope, receive, send)
            return
        if fault.kind == "hang":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(fault.seconds):
                    await _disconnection(receive)
                    return
        self._stand_in.connections.cut(*scope["client"])
        await _disconnection(receive)


def _answer(fault: ApiFault, scope: Scope) -> JSONResponse:
    error = MuxError(fault.status, "fault", "This answer was asked for by a rule")
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        error = TooManyRequestsError()
    answer = JSONResponse(error.body(), error.status)
    if fault.retry_after is not None:
        answer.headers["retry-after"] = str(fault.retry_after)
    if "origin" in Headers(scope=scope):
        answer.headers["access-control-allow-origin"] = "*"
    return answer


async def _discard(_message: Message) -> None:
    """Discard an answer, as if it were lost on its way."""


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
