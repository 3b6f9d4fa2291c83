"""The addresses of stream.mux.com and image.mux.com, here all on the stand-in.

| route | |
|---|---|
| `/{PLAYBACK_ID}.m3u8` | the master playlist |
| `/{PLAYBACK_ID}/thumbnail.{webp,jpg,png}` | one frame |
| `/{PLAYBACK_ID}/animated.{webp,gif}` | a moving picture |
| `/{PLAYBACK_ID}/storyboard.{webp,jpg,png,vtt,json}` | many frames in one picture |

The query parameters are Mux's own.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.mux.api.answers import refusal
from local.mux.errors import InvalidParametersError, MediaError, MuxError
from local.mux.media.encode import MASTER, RENDITION
from local.mux.media.pictures import make_animation, make_picture, make_storyboard
from local.mux.media.playlists import cut_playlist, with_query
from local.mux.playback.parameters import Parameters
from local.mux.playback.storyboards import COLUMNS, Storyboard, picture_url
from local.mux.playback.streams import Stream, Streams
from local.mux.stand_in import StandIn

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
LONGEST_ANIMATION = 10.0
SHORTEST_ANIMATION = 0.25
MAX_SIDE = 4096
_SEGMENT = re.compile(r"\d{5}\.ts\Z")
_PICTURES = {"webp", "jpg", "png"}


class Playback:
    """Streams and pictures of the assets that are ready, and of the samples."""

    def __init__(self, stand_in: StandIn) -> None:
        self._base_url = stand_in.settings.base_url
        self._streams = Streams(stand_in)
        self._drawing = asyncio.Lock()
        self.app = Starlette(
            routes=[
                Route("/{playback_id}.m3u8", self._master),
                Route("/{playback_id}/thumbnail.{suffix}", self._thumbnail),
                Route("/{playback_id}/animated.{suffix}", self._animated),
                Route("/{playback_id}/storyboard.{suffix}", self._storyboard),
                Route("/{playback_id}/{name}", self._part),
            ],
            middleware=[
                Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"])
            ],
            exception_handlers={MuxError: refusal},
        )

    async def _master(self, request: Request) -> Response:
        stream, parameters = await self._streams.find(request, "video")
        parameters.span(stream.duration)
        text = (stream.folder / MASTER).read_text()
        query = _passed_on(parameters)
        address = f"{stream.playback_id}/{RENDITION}{f'?{urlencode(query)}' if query else ''}"
        return PlainTextResponse(text.replace(RENDITION, address), media_type=PLAYLIST_TYPE)

    async def _part(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name != RENDITION and not _SEGMENT.match(name):
            raise HTTPException(404)
        stream, parameters = await self._streams.find(request, "video")
        if name == RENDITION:
            text = cut_playlist(stream.playlist, *parameters.span(stream.duration))
            if parameters.token:
                text = with_query(text, urlencode({"token": parameters.token}))
            return PlainTextResponse(text, media_type=PLAYLIST_TYPE)
        path = stream.folder / name
        if not _exists(path):
            raise HTTPException(404)
        return FileResponse(path, media_type="video/mp2t")

    async def _thumbnail(self, request: Request) -> Response:
        stream, parameters = await self._streams.find(request, "thumbnail")
        asked = parameters.number("time", stream.duration / 2)
        seconds, _ = stream.picture_span(*[min(asked, stream.duration)] * 2)
        width, height = (parameters.number(side, 0, MAX_SIDE) for side in ("width", "height"))
        size = f"{int(width) or -2}:{int(height) or -2}" if width or height else "iw:ih"
        name = f"thumbnail-{seconds:.3f}-{size.replace(':', 'x')}.{_suffix(request, _PICTURES)}"
        return await self._show(
            stream, name, lambda path: make_picture(stream.rendition, path, seconds, size)
        )

    async def _animated(self, request: Request) -> Response:
        stream, parameters = await self._streams.find(request, "animated")
        start = parameters.number("start", 0)
        end = min(parameters.number("end", min(start + 5, stream.duration)), stream.duration)
        if not min(SHORTEST_ANIMATION, stream.duration) <= end - start <= LONGEST_ANIMATION:
            raise InvalidParametersError(
                f"end must be {SHORTEST_ANIMATION:g} to {LONGEST_ANIMATION:g} s after start"
            )
        width = int(parameters.number("width", 320, 640)) or 320
        rate = int(parameters.number("fps", 15, 30)) or 15
        span = stream.picture_span(start, end)
        suffix = _suffix(request, {"webp", "gif"})
        name = f"animated-{span[0]:.3f}-{span[1]:.3f}-{width}-{rate}.{suffix}"
        return await self._show(
            stream, name, lambda path: make_animation(stream.rendition, path, span, width, rate)
        )

    async def _storyboard(self, request: Request) -> Response:
        stream, parameters = await self._streams.find(request, "storyboard")
        if stream.size is None:
            raise MuxError(404, "not_found", "The asset has no picture")
        board = Storyboard(stream, parameters.span(stream.duration))
        suffix = _suffix(request, _PICTURES | {"vtt", "json"})
        if suffix in _PICTURES:
            start, end = board.source_span
            name = f"storyboard-{start:.3f}-{end:.3f}.{suffix}"
            grid = (board.source_tiles, COLUMNS)
            return await self._show(
                stream,
                name,
                lambda path: make_storyboard(
                    stream.rendition, path, (start, end), board.tile_size, grid
                ),
            )
        picture = str(parameters.values.get("format", "jpg"))
        if picture not in _PICTURES:
            raise InvalidParametersError("format must be jpg, png or webp")
        url = picture_url(self._base_url, stream.playback_id, picture, _passed_on(parameters))
        if suffix == "vtt":
            return PlainTextResponse(board.vtt(url), media_type="text/vtt")
        return JSONResponse(board.json(url))

    async def _show(
        self, stream: Stream, name: str, draw: Callable[[Path], Coroutine[None, None, None]]
    ) -> Response:
        picture = stream.folder / "pictures" / name
        async with self._drawing:
            if not _exists(picture):
                try:
                    await draw(picture)
                except MediaError as error:
                    raise MuxError(404, "not_found", str(error)) from error
        return FileResponse(picture)


def _passed_on(parameters: Parameters) -> dict[str, object]:
    """Return the query that addresses within an answer need."""
    if parameters.token:
        return {"token": parameters.token}
    names = ("asset_start_time", "asset_end_time")
    return {name: parameters.values[name] for name in names if name in parameters.values}


def _suffix(request: Request, known: set[str]) -> str:
    suffix: str = request.path_params["suffix"]
    if suffix not in known:
        raise HTTPException(404)
    return suffix


def _exists(path: Path) -> bool:
    return path.exists()
