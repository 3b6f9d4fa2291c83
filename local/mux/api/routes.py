"""Mux's own API below `/video/v1`: direct uploads, assets and playback ids."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.mux.api.answers import data, json_body, no_route, refusal
from local.mux.api.paging import cursor_page, numbered_page
from local.mux.errors import MuxError
from local.mux.stand_in import StandIn


class Api:
    """The routes below `/video/v1`."""

    def __init__(self, stand_in: StandIn) -> None:
        self._state = stand_in.state
        self._transcoder = stand_in.transcoder
        asset, playback_id = "/assets/{asset_id}", "/assets/{asset_id}/playback-ids/{playback_id}"
        self.app = Starlette(
            routes=[
                Route("/uploads", self._create_upload, methods=["POST"]),
                Route("/uploads", self._list_uploads),
                Route("/uploads/{upload_id}", self._get_upload),
                Route("/uploads/{upload_id}/cancel", self._cancel_upload, methods=["PUT"]),
                Route("/assets", self._create_asset, methods=["POST"]),
                Route("/assets", self._list_assets),
                Route(asset, self._get_asset),
                Route(asset, self._update_asset, methods=["PATCH"]),
                Route(asset, self._delete_asset, methods=["DELETE"]),
                Route(f"{asset}/input-info", self._get_input_info),
                Route(f"{asset}/playback-ids", self._create_playback_id, methods=["POST"]),
                Route(f"{asset}/playback-ids", self._list_playback_ids),
                Route(playback_id, self._get_playback_id),
                Route(playback_id, self._delete_playback_id, methods=["DELETE"]),
                Route("/playback-ids/{playback_id}", self._find_playback_id),
            ],
            exception_handlers={MuxError: refusal, HTTPException: no_route},
        )

    async def _create_upload(self, request: Request) -> Response:
        return data(self._state.create_upload(await json_body(request)).view(), 201)

    async def _list_uploads(self, request: Request) -> Response:
        uploads = [self._state.upload(key).view() for key in reversed(self._state.uploads)]
        return data(numbered_page(request.query_params, uploads))

    async def _get_upload(self, request: Request) -> Response:
        return data(self._state.upload(request.path_params["upload_id"]).view())

    async def _cancel_upload(self, request: Request) -> Response:
        return data(self._state.cancel_upload(request.path_params["upload_id"]).view())

    async def _create_asset(self, request: Request) -> Response:
        asset = self._state.create_asset(await json_body(request))
        self._transcoder.submit(asset)
        return data(asset.view(), 201)

    async def _list_assets(self, request: Request) -> Response:
        found = [asset.view() for asset in self._state.live_assets()]
        for name in ("upload_id", "live_stream_id"):
            if name in request.query_params:
                found = [a for a in found if a.get(name) == request.query_params[name]]
        order = list(reversed(self._state.assets))
        page, cursor = cursor_page(request.query_params, found, order)
        return JSONResponse({"data": page, "next_cursor": cursor})

    async def _get_asset(self, request: Request) -> Response:
        return data(self._state.asset(request.path_params["asset_id"]).view())

    async def _get_input_info(self, request: Request) -> Response:
        return data(self._state.asset(request.path_params["asset_id"]).input_info())

    async def _update_asset(self, request: Request) -> Response:
        asset_id = request.path_params["asset_id"]
        return data(self._state.update_asset(asset_id, await json_body(request)).view())

    async def _delete_asset(self, request: Request) -> Response:
        self._state.delete_asset(request.path_params["asset_id"])
        return Response(status_code=204)

    async def _create_playback_id(self, request: Request) -> Response:
        asset_id = request.path_params["asset_id"]
        playback = self._state.create_playback_id(asset_id, await json_body(request))
        return data(playback.model_dump(), 201)

    async def _list_playback_ids(self, request: Request) -> Response:
        asset = self._state.asset(request.path_params["asset_id"])
        return data([playback.model_dump() for playback in asset.playback_ids])

    async def _get_playback_id(self, request: Request) -> Response:
        return data(self._state.playback_id(**request.path_params).model_dump())

    async def _delete_playback_id(self, request: Request) -> Response:
        self._state.delete_playback_id(**request.path_params)
        return Response(status_code=204)

    async def _find_playback_id(self, request: Request) -> Response:
        asset, playback = self._state.find_playback(request.path_params["playback_id"])
        return data(playback.model_dump() | {"object": {"type": "asset", "id": asset.id}})
