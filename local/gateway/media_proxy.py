"""`/media/…`: streams, pictures and uploads of the Mux stand-in, for pages on other machines.

The stand-in listens on this machine alone. Where the gateway listens for a phone in the same
network (`HOST`), the phone's page asks the gateway for media too.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

TIMEOUT_S = 30
ASKED = ("range", "if-range", "if-none-match", "content-range", "content-type", "content-length")
ANSWERED = ("range", "accept-ranges", "cache-control", "content-range", "content-type", "etag")
# Nothing of the stand-in's API or of its controls.
CLOSED = ("video/", "control", "system/")


class MediaProxy:
    """Passes requests on to one address.

    Args:
        address: the stand-in's.
    """

    def __init__(self, address: str) -> None:
        self._http = httpx.AsyncClient(base_url=address, timeout=TIMEOUT_S, trust_env=False)
        methods = ["GET", "HEAD", "PUT"]
        self.routes = [Route("/media/{path:path}", self._pass_on, methods=methods)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close the connections at the end."""
        async with self._http:
            yield

    async def _pass_on(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path.startswith(CLOSED) or ".." in path.split("/"):
            return PlainTextResponse("There is no such medium.", HTTPStatus.NOT_FOUND)
        url = httpx.URL(path=f"/{path}", query=request.url.query.encode())
        headers = {name: value for name, value in request.headers.items() if name in ASKED}
        body = request.stream() if request.method == "PUT" else None
        passed = self._http.build_request(request.method, url, headers=headers, content=body)
        try:
            answer = await self._http.send(passed, stream=True)
        except httpx.HTTPError:
            return PlainTextResponse("The stand-in does not answer.", HTTPStatus.BAD_GATEWAY)
        kept = {name: value for name, value in answer.headers.items() if name in ANSWERED}

        async def content() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_bytes():
                    yield piece
            finally:
                await answer.aclose()

        return StreamingResponse(content(), answer.status_code, kept)
