"""What Mux serves from stream.mux.com and image.mux.com, here both from the stand-in.

`/{PLAYBACK_ID}.m3u8`, `/{PLAYBACK_ID}/thumbnail.{webp,jpg,png}` and
`/{PLAYBACK_ID}/animated.{webp,gif}`, with the query parameters of Mux.
"""

import asyncio
import math
import re
from collections.abc import Callable, Coroutine
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.mux.api.routes import refusal
from local.mux.errors import InvalidParametersError, MediaError, MuxError
from local.mux.media.encode import MASTER, RENDITION, make_animation, make_picture
from local.mux.records import Asset
from local.mux.stand_in import StandIn

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
LONGEST_ANIMATION = 10.0
MAX_SIDE = 4096
_SEGMENT = re.compile(r"\d{5}\.ts\Z")


class Playback:
    """Streams and pictures of the assets that are ready."""

    def __init__(self, stand_in: StandIn) -> None:
        self._state = stand_in.state
        self._files = stand_in.files
        self._drawing = asyncio.Lock()
        self.app = Starlette(
            routes=[
                Route("/{playback_id}.m3u8", self._master),
                Route("/{playback_id}/thumbnail.{suffix}", self._thumbnail),
                Route("/{playback_id}/animated.{suffix}", self._animated),
                Route("/{playback_id}/{name}", self._part),
            ],
            middleware=[
                Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"])
            ],
            exception_handlers={MuxError: refusal},
        )

    async def _master(self, request: Request) -> Response:
        asset = self._ready(request)
        text = (self._files.stream(asset.id) / MASTER).read_text()
        playlist = text.replace(RENDITION, f"{request.path_params['playback_id']}/{RENDITION}")
        return PlainTextResponse(playlist, media_type=PLAYLIST_TYPE)

    async def _part(self, request: Request) -> Response:
        name = request.path_params["name"]
        path = self._files.stream(self._ready(request).id) / name
        if name != RENDITION and not (_SEGMENT.match(name) and path.exists()):
            raise HTTPException(404)
        return FileResponse(path, media_type=PLAYLIST_TYPE if name == RENDITION else "video/mp2t")

    async def _thumbnail(self, request: Request) -> Response:
        asset = self._ready(request)
        duration = asset.media.duration if asset.media else 0.0
        seconds = min(_number(request, "time", duration / 2), duration)
        width, height = (_number(request, side, 0, MAX_SIDE) for side in ("width", "height"))
        size = f"{int(width) or -2}:{int(height) or -2}" if width or height else "iw:ih"
        suffix = _suffix(request, {"webp", "jpg", "png"})
        folder = self._files.stream(asset.id) / "pictures"
        picture = folder / f"thumbnail-{seconds:.3f}-{size.replace(':', 'x')}.{suffix}"
        playlist = self._files.stream(asset.id) / RENDITION
        return await self._show(picture, lambda: make_picture(playlist, picture, seconds, size))

    async def _animated(self, request: Request) -> Response:
        asset = self._ready(request)
        duration = asset.media.duration if asset.media else 0.0
        start = _number(request, "start", 0)
        end = min(_number(request, "end", min(start + 5, duration)), duration)
        if not 0 < end - start <= LONGEST_ANIMATION:
            raise InvalidParametersError(f"end is up to {LONGEST_ANIMATION:g} s after start")
        width = int(_number(request, "width", 320, 640)) or 320
        rate = int(_number(request, "fps", 15, 30)) or 15
        suffix = _suffix(request, {"webp", "gif"})
        folder = self._files.stream(asset.id) / "pictures"
        picture = folder / f"animated-{start:.3f}-{end:.3f}-{width}-{rate}.{suffix}"
        playlist, span = self._files.stream(asset.id) / RENDITION, (start, end)
        return await self._show(
            picture, lambda: make_animation(playlist, picture, span, width, rate)
        )

    async def _show(
        self, picture: Path, draw: Callable[[], Coroutine[None, None, None]]
    ) -> Response:
        async with self._drawing:
            if not _exists(picture):
                try:
                    await draw()
                except MediaError as error:
                    raise MuxError(404, "not_found", str(error)) from error
        return FileResponse(picture)

    def _ready(self, request: Request) -> Asset:
        asset, playback = self._state.find_playback(request.path_params["playback_id"])
        if playback.policy == "signed" or "token" in request.query_params:
            # Nobody has a signing key here, and Mux refuses a token on a public id.
            raise MuxError(403, "forbidden", "The stand-in has no signed playback")
        if asset.status != "ready":
            raise MuxError(412, "not_ready", f"The asset is {asset.status}")
        return asset


def _number(request: Request, name: str, default: float, most: float = math.inf) -> float:
    try:
        value = float(request.query_params.get(name, default))
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise InvalidParametersError(f"{name} is a number from 0 to {most:g}")
    return value


def _suffix(request: Request, known: set[str]) -> str:
    suffix: str = request.path_params["suffix"]
    if suffix not in known:
        raise HTTPException(404)
    return suffix


def _exists(path: Path) -> bool:
    return path.exists()
