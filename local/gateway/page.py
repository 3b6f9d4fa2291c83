"""The page that shows the feed, at `/` of the local gateway: built files, as they are committed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

INDEX = "index.html"


class FeedPage:
    """Serves the page at `/` and its parts at `/page/…`, and nothing else.

    Args:
        folder: the built files.
        media: addresses from which streams and pictures come, and to which files are sent.
    """

    def __init__(self, folder: Path, media: Iterable[str]) -> None:
        # It answers ranges, and 304 where the file is the one that the browser has.
        self._files = StaticFiles(directory=folder, check_dir=False)
        self._headers = {
            "content-security-policy": content_security_policy(media),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            # The names of most parts hold no hash: ask whether they have changed.
            "cache-control": "no-cache",
        }
        self.routes = [
            Route("/", self._index, methods=["GET"]),
            Route("/page/{name}", self._part, methods=["GET"]),
        ]

    async def _index(self, request: Request) -> Response:
        return await self._answer(INDEX, request)

    async def _part(self, request: Request) -> Response:
        return await self._answer(request.path_params["name"], request)

    async def _answer(self, name: str, request: Request) -> Response:
        try:
            response = await self._files.get_response(name, request.scope)
        except HTTPException as error:
            return PlainTextResponse("There is no such part of the page.", error.status_code)
        response.headers.update(self._headers)
        return response


def content_security_policy(media: Iterable[str]) -> str:
    """Return a policy that lets the page run its own scripts, and reach only API and media."""
    origins = " ".join(sorted({_origin(address) for address in media}))
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' {origins}",
        "media-src": f"'self' blob: {origins}",
        "connect-src": f"'self' {origins}",
        # hls.js starts its worker from a blob of its own.
        "worker-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value.strip()}" for name, value in directives.items())


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
