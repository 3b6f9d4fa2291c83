"""The upload addresses. The only credential is the secret within the address."""

import asyncio
import hmac
from collections import defaultdict

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local.mux.records import Upload
from local.mux.stand_in import StandIn
from local.mux.uploads.resumable import (
    ContentRange,
    RangeRefusedError,
    bytes_to_skip,
    parse_range,
    range_header,
    whole_chunks,
)

METHODS = "PUT, OPTIONS"
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
EXPOSED = "Range, Content-Length"


class UploadEndpoint:
    """Receives files, whole or in chunks. Each upload has one client at a time."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._files = stand_in.files
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # Every method is routed here, so that pages can read refusals too.
        route = Route("/{upload_id}/{secret}", self._answer, methods=ALL_METHODS)
        self.app = Starlette(routes=[route])

    async def _answer(self, request: Request) -> Response:
        upload = self._stand_in.state.uploads.get(request.path_params["upload_id"])
        secret = request.path_params["secret"].encode()
        if upload is not None and not hmac.compare_digest(secret, upload.secret.encode()):
            upload = None
        response: Response
        if request.method == "OPTIONS":
            response = Response(status_code=204)
        elif upload is None:
            response = PlainTextResponse("There is no such upload", 404)
        elif request.method != "PUT":
            response = Response(status_code=405, headers={"allow": METHODS})
        else:
            async with self._locks[upload.id]:
                response = await self._put(request, upload)
        response.headers.update(cors_headers(request, upload.cors_origin if upload else "*"))
        return response

    async def _put(self, request: Request, upload: Upload) -> Response:
        status = self._stand_in.state.upload(upload.id).status
        if status in {"asset_created", "errored"}:
            return Response()
        if status != "waiting":
            return PlainTextResponse(f"This upload is {status}", 410)
        header = request.headers.get("content-range")
        try:
            if header is None:
                return await self._take_whole(request, upload)
            return await self._take_chunk(request, upload, parse_range(header))
        except RangeRefusedError as error:
            return PlainTextResponse(str(error), 400)
        except ClientDisconnect:
            self._files.cut(upload.id, whole_chunks(self._files.received(upload.id)))
            return Response(status_code=400)

    async def _take_whole(self, request: Request, upload: Upload) -> Response:
        await self._write(request, upload, start=0, skip=0)
        return self._done(upload)

    async def _take_chunk(self, request: Request, upload: Upload, asked: ContentRange) -> Response:
        received = self._files.received(upload.id)
        skip = bytes_to_skip(received, asked)
        if skip is not None:
            came = await self._write(request, upload, start=received, skip=skip)
            if came != asked.length:
                self._files.cut(upload.id, received)
                raise RangeRefusedError(f"Content-Range is of {asked.length} bytes, not {came}")
            received = self._files.received(upload.id)
        if asked.total and received == asked.total:
            return self._done(upload)
        return Response(status_code=308, headers=range_header(received))

    async def _write(self, request: Request, upload: Upload, start: int, skip: int) -> int:
        """Append a body without its first `skip` bytes, and return the body's length."""
        came = 0
        with self._files.append(upload.id, start) as file:
            async for piece in request.stream():
                file.write(piece[max(0, skip - came) :])
                came += len(piece)
        return came

    def _done(self, upload: Upload) -> Response:
        # The upload may have been cancelled while the file arrived.
        if self._stand_in.state.upload(upload.id).status != "waiting":
            self._files.upload(upload.id).unlink(missing_ok=True)
            return PlainTextResponse("This upload is no longer waiting", 410)
        self._stand_in.file_arrived(upload)
        return Response()


def cors_headers(request: Request, allowed: str | None) -> dict[str, str]:
    """Return the headers that let a page of an allowed origin send and read.

    Args:
        request: The request of the page.
        allowed: The upload's `cors_origin`.
    """
    origin = request.headers.get("origin")
    if origin is None or allowed is None or (allowed != "*" and origin != allowed.rstrip("/")):
        return {}
    headers = {
        "access-control-allow-origin": "*" if allowed == "*" else origin,
        "access-control-expose-headers": EXPOSED,
        "vary": "Origin",
    }
    if request.method == "OPTIONS":
        asked = request.headers.get("access-control-request-headers", "content-type, content-range")
        headers |= {
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": asked,
            "access-control-max-age": "3600",
        }
    return headers
