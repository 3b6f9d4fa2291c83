"""Mux's own API, as far as mux_python's `DirectUploadsApi` and `AssetsApi` are used."""

import json

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.mux.errors import InvalidParametersError, MuxError
from local.mux.records import Json
from local.mux.stand_in import StandIn

DEFAULT_LIMIT = 25
MAX_LIMIT = 100


class Api:
    """Everything below `/video/v1`."""

    def __init__(self, stand_in: StandIn) -> None:
        self._state = stand_in.state
        self._transcoder = stand_in.transcoder
        playback_id = "/assets/{asset_id}/playback-ids/{playback_id}"
        self.app = Starlette(
            routes=[
                Route("/uploads", self._create_upload, methods=["POST"]),
                Route("/uploads", self._list_uploads),
                Route("/uploads/{upload_id}", self._get_upload),
                Route("/uploads/{upload_id}/cancel", self._cancel_upload, methods=["PUT"]),
                Route("/assets", self._create_asset, methods=["POST"]),
                Route("/assets", self._list_assets),
                Route("/assets/{asset_id}", self._get_asset),
                Route("/assets/{asset_id}", self._update_asset, methods=["PATCH"]),
                Route("/assets/{asset_id}", self._delete_asset, methods=["DELETE"]),
                Route(
                    "/assets/{asset_id}/playback-ids", self._create_playback_id, methods=["POST"]
                ),
                Route(playback_id, self._get_playback_id),
                Route(playback_id, self._delete_playback_id, methods=["DELETE"]),
            ],
            exception_handlers={MuxError: refusal, HTTPException: _no_route},
        )

    async def _create_upload(self, request: Request) -> Response:
        return _data(self._state.create_upload(await _body(request)).view(), 201)

    async def _list_uploads(self, request: Request) -> Response:
        uploads = [self._state.upload(key).view() for key in reversed(self._state.uploads)]
        return _data(_page(request, uploads))

    async def _get_upload(self, request: Request) -> Response:
        return _data(self._state.upload(request.path_params["upload_id"]).view())

    async def _cancel_upload(self, request: Request) -> Response:
        return _data(self._state.cancel_upload(request.path_params["upload_id"]).view())

    async def _create_asset(self, request: Request) -> Response:
        asset = self._state.create_asset(await _body(request))
        self._transcoder.submit(asset)
        return _data(asset.view(), 201)

    async def _list_assets(self, request: Request) -> Response:
        found = [asset.view() for asset in self._state.live_assets()]
        for name in ("upload_id", "live_stream_id"):
            if name in request.query_params:
                found = [a for a in found if a.get(name) == request.query_params[name]]
        return JSONResponse({"data": _page(request, found), "next_cursor": None})

    async def _get_asset(self, request: Request) -> Response:
        return _data(self._state.asset(request.path_params["asset_id"]).view())

    async def _update_asset(self, request: Request) -> Response:
        asset = self._state.update_asset(request.path_params["asset_id"], await _body(request))
        return _data(asset.view())

    async def _delete_asset(self, request: Request) -> Response:
        self._state.delete_asset(request.path_params["asset_id"])
        return Response(status_code=204)

    async def _create_playback_id(self, request: Request) -> Response:
        asset_id = request.path_params["asset_id"]
        return _data(
            self._state.create_playback_id(asset_id, await _body(request)).model_dump(), 201
        )

    async def _get_playback_id(self, request: Request) -> Response:
        playback = self._state.playback_id(**request.path_params)
        return _data(playback.model_dump())

    async def _delete_playback_id(self, request: Request) -> Response:
        self._state.delete_playback_id(**request.path_params)
        return Response(status_code=204)


async def refusal(_request: Request, error: Exception) -> Response:
    """Return the answer that a `MuxError` stands for."""
    if not isinstance(error, MuxError):
        raise error
    return JSONResponse(error.body(), error.status)


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = f"There is no {request.method} {request.url.path}"
    return await refusal(request, MuxError(status, "not_found", text))


async def _body(request: Request) -> object:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise InvalidParametersError("The body is not JSON.") from error


def _data(data: Json | list[Json], status: int = 200) -> JSONResponse:
    return JSONResponse({"data": data}, status)


def _page(request: Request, found: list[Json]) -> list[Json]:
    """Return the page that the query's `limit` (25, at most 100) and `page` (from 1) ask for."""
    try:
        limit = int(request.query_params.get("limit", DEFAULT_LIMIT))
        page = int(request.query_params.get("page", 1))
    except ValueError as error:
        raise InvalidParametersError("limit and page are whole numbers") from error
    if not 1 <= limit <= MAX_LIMIT or page < 1:
        raise InvalidParametersError(f"limit is 1 to {MAX_LIMIT}, page at least 1")
    return found[(page - 1) * limit : page * limit]
