"""The control API: makes the stand-in ill-mannered, faulty, slow or quick, and opens its books.

| route | |
|---|---|
| `GET /control` | a page for a person |
| `GET /control/books` | uploads, assets, webhooks and calls; `?webhooks=all` with whole envelopes |
| `GET, POST, DELETE /control/manners` | rules about webhooks: list, add one, remove all |
| `GET, POST, DELETE /control/faults` | rules about the API: likewise |
| `GET, PATCH /control/settings` | `Tunables` |
| `POST /control/seed` | `{"seed"}`: the chance of the rules begins anew |
| `POST /control/flush` | sends every waiting webhook now, once |
| `POST /control/settle` | `{"seconds"}`: waits until all is processed and sent |
| `POST /control/events` | `{"kind"}` unknown, live_stream or stranger; or `{"type", "data"}` |
| `POST /control/redeliver` | `{"event_id"}`: sends an event once more |
| `POST /control/uploads/{id}/expire` | its time is over now |
| `POST /control/uploads/{id}/fail` | `{"message"}`: it errors |
| `POST /control/assets/{id}/fail` | `{"message"}`: an asset that is preparing errors |
| `POST /control/reset` | forgets everything |
"""

import json
import time
from pathlib import Path

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.mux.api import refusal
from local.mux.control_bodies import Custom, EventId, MadeUp, Message, Seconds, Seed
from local.mux.errors import InvalidParametersError, MuxError, NotFoundError
from local.mux.events import envelope
from local.mux.faults import FaultRule
from local.mux.fields import parse
from local.mux.manners import MannerRule, made_up
from local.mux.records import Json
from local.mux.standin import StandIn

PAGE = (Path(__file__).parent / "control.html").read_text()


class Control:
    """Everything below `/control`."""

    def __init__(self, stand_in: StandIn) -> None:
        self._it = stand_in
        self.app = Starlette(
            routes=[
                Route("/", page),
                Route("/books", self._books),
                Route("/manners", self._manners, methods=["GET", "POST", "DELETE"]),
                Route("/faults", self._faults, methods=["GET", "POST", "DELETE"]),
                Route("/settings", self._settings, methods=["GET", "PATCH"]),
                Route("/seed", self._seed, methods=["POST"]),
                Route("/flush", self._flush, methods=["POST"]),
                Route("/settle", self._settle, methods=["POST"]),
                Route("/events", self._event, methods=["POST"]),
                Route("/redeliver", self._redeliver, methods=["POST"]),
                Route("/uploads/{upload_id}/expire", self._expire, methods=["POST"]),
                Route("/uploads/{upload_id}/fail", self._fail_upload, methods=["POST"]),
                Route("/assets/{asset_id}/fail", self._fail_asset, methods=["POST"]),
                Route("/reset", self._reset, methods=["POST"]),
            ],
            exception_handlers={MuxError: refusal},
        )

    async def _books(self, request: Request) -> Response:
        books, whole = self._it.books, request.query_params.get("webhooks") == "all"
        view = {
            "uploads": [
                books.upload(upload_id).view() | {"created_at": upload.created_at}
                for upload_id, upload in books.uploads.items()
            ],
            "assets": [
                asset.view()
                | {"billed": asset.billed, "deleted_at": asset.deleted_at, "clip": asset.clip}
                for asset in books.assets.values()
            ],
            "webhooks": [self._webhook(key, whole=whole) for key in self._it.outbox.deliveries],
            "calls": self._it.calls.view(),
        }
        return JSONResponse(view)

    def _webhook(self, key: int, *, whole: bool) -> Json:
        delivery = self._it.outbox.deliveries[key]
        view = delivery.model_dump(exclude={"event"}) | {
            "event_id": delivery.event["id"],
            "type": delivery.event["type"],
            "object_id": delivery.event["object"]["id"],
        }
        return view | {"event": delivery.event} if whole else view

    async def _manners(self, request: Request) -> Response:
        rules = self._it.outbox.rules
        if request.method == "POST":
            rules.append(parse(MannerRule, await _body(request)))
        elif request.method == "DELETE":
            rules.clear()
        return JSONResponse([rule.model_dump() for rule in rules])

    async def _faults(self, request: Request) -> Response:
        rules = self._it.faults.rules
        if request.method == "POST":
            rules.append(parse(FaultRule, await _body(request)))
        elif request.method == "DELETE":
            rules.clear()
        return JSONResponse([rule.model_dump() for rule in rules])

    async def _settings(self, request: Request) -> Response:
        if request.method == "PATCH":
            body = await _body(request)
            if not isinstance(body, dict):
                raise InvalidParametersError("body: it is no object")
            try:
                self._it.tune(body)
            except ValidationError as error:
                raise InvalidParametersError(str(error)) from error
        return JSONResponse(self._it.tunables.model_dump())

    async def _seed(self, request: Request) -> Response:
        self._it.chance.seed(parse(Seed, await _body(request)).seed)
        return Response(status_code=204)

    async def _flush(self, _request: Request) -> Response:
        return JSONResponse(await self._it.courier.flush())

    async def _settle(self, request: Request) -> Response:
        return JSONResponse(await self._it.settle(parse(Seconds, await _body(request)).seconds))

    async def _event(self, request: Request) -> Response:
        body, now, chance = await _body(request), time.time(), self._it.chance
        if isinstance(body, dict) and "kind" in body:
            event = made_up(parse(MadeUp, body).kind, now, chance)
        else:
            custom = parse(Custom, body)
            about = {"type": custom.type.split(".")[1], "id": str(custom.data.get("id", ""))}
            event = envelope(custom.type, about, custom.data, now, chance)
        self._it.announce(event)
        return JSONResponse(event, 201)

    async def _redeliver(self, request: Request) -> Response:
        event_id = parse(EventId, await _body(request)).event_id
        delivery = self._it.outbox.send_again(event_id)
        if delivery is None:
            raise NotFoundError("event", event_id)
        self._it.courier.wake()
        return JSONResponse(self._webhook(delivery.id, whole=False), 201)

    async def _expire(self, request: Request) -> Response:
        return JSONResponse(self._it.books.expire_upload(request.path_params["upload_id"]).view())

    async def _fail_upload(self, request: Request) -> Response:
        message = parse(Message, await _body(request)).message
        upload = self._it.books.fail_upload(request.path_params["upload_id"], message)
        return JSONResponse(upload.view())

    async def _fail_asset(self, request: Request) -> Response:
        message = parse(Message, await _body(request)).message
        asset = self._it.books.fail_asset(request.path_params["asset_id"], message)
        return JSONResponse(asset.view())

    async def _reset(self, _request: Request) -> Response:
        await self._it.reset()
        return Response(status_code=204)


async def page(_request: Request) -> Response:
    """Return the page for a person."""
    return HTMLResponse(PAGE)


async def _body(request: Request) -> object:
    text = await request.body()
    try:
        return json.loads(text) if text else {}
    except ValueError as error:
        raise InvalidParametersError("body: it is not JSON") from error
