"""The control API: show the state of the stand-in, and make it faulty, slow or quick.

| route | |
|---|---|
| `GET /control` | a page for people |
| `GET /control/state` | uploads, assets, webhooks and calls; `?webhooks=all` adds envelopes |
| `GET, POST, DELETE /control/webhook-faults` | list, add one, remove all rules about webhooks |
| `GET, POST, DELETE /control/api-faults` | the same for rules about the API |
| `GET, PATCH /control/settings` | `Tunables` |
| `POST /control/seed` | `{"seed"}`: seed the random numbers of the rules |
| `POST /control/flush` | send every waiting webhook once, now |
| `POST /control/settle` | `{"seconds"}`: wait until all is processed and sent |
| `POST /control/events` | send an event: `{"kind"}` or `{"type", "data"}` |
| `POST /control/redeliver` | `{"event_id"}`: send an event once more |
| `POST /control/uploads/{id}/expire` | time an upload out |
| `POST /control/uploads/{id}/fail` | `{"message"}`: let a waiting upload fail |
| `POST /control/assets/{id}/fail` | `{"message"}`: let a preparing asset fail |
| `GET /control/samples` | list the clips of the sample streams |
| `POST /control/samples/{clip}` | make a clip, where it is missing |
| `POST /control/reset` | remove everything |
"""

import json
import time
from pathlib import Path

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.mux.api.answers import refusal
from local.mux.api.faults import ApiFault
from local.mux.control.bodies import Custom, EventId, MadeUp, Message, Seconds, Seed
from local.mux.errors import InvalidParametersError, MuxError, NotFoundError
from local.mux.media.samples import CLIPS
from local.mux.records import Json
from local.mux.stand_in import StandIn
from local.mux.state.fields import parse
from local.mux.webhooks.events import envelope
from local.mux.webhooks.faults import WebhookFault, made_up

PAGE = (Path(__file__).parent / "control.html").read_text()


class Control:
    """Everything below `/control`."""

    def __init__(self, stand_in: StandIn) -> None:
        self._it = stand_in
        self.app = Starlette(
            routes=[
                Route("/", page),
                Route("/state", self._state),
                Route("/webhook-faults", self._webhook_faults, methods=["GET", "POST", "DELETE"]),
                Route("/api-faults", self._api_faults, methods=["GET", "POST", "DELETE"]),
                Route("/settings", self._settings, methods=["GET", "PATCH"]),
                Route("/seed", self._seed, methods=["POST"]),
                Route("/flush", self._flush, methods=["POST"]),
                Route("/settle", self._settle, methods=["POST"]),
                Route("/events", self._event, methods=["POST"]),
                Route("/redeliver", self._redeliver, methods=["POST"]),
                Route("/uploads/{upload_id}/expire", self._expire, methods=["POST"]),
                Route("/uploads/{upload_id}/fail", self._fail_upload, methods=["POST"]),
                Route("/assets/{asset_id}/fail", self._fail_asset, methods=["POST"]),
                Route("/samples", self._list_samples),
                Route("/samples/{letter}", self._make_sample, methods=["POST"]),
                Route("/reset", self._reset, methods=["POST"]),
            ],
            exception_handlers={MuxError: refusal},
        )

    async def _state(self, request: Request) -> Response:
        state, whole = self._it.state, request.query_params.get("webhooks") == "all"
        view = {
            "uploads": [
                state.upload(upload_id).view() | {"created_at": upload.created_at}
                for upload_id, upload in state.uploads.items()
            ],
            "assets": [
                asset.view()
                | {"billed": asset.billed, "deleted_at": asset.deleted_at, "clip": asset.clip}
                for asset in state.assets.values()
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

    async def _webhook_faults(self, request: Request) -> Response:
        rules = self._it.outbox.rules
        if request.method == "POST":
            rules.append(parse(WebhookFault, await _body(request)))
        elif request.method == "DELETE":
            rules.clear()
        return JSONResponse([rule.model_dump() for rule in rules])

    async def _api_faults(self, request: Request) -> Response:
        rules = self._it.faults.rules
        if request.method == "POST":
            rules.append(parse(ApiFault, await _body(request)))
        elif request.method == "DELETE":
            rules.clear()
        return JSONResponse([rule.model_dump() for rule in rules])

    async def _settings(self, request: Request) -> Response:
        if request.method == "PATCH":
            body = await _body(request)
            if not isinstance(body, dict):
                raise InvalidParametersError("The body is not a JSON object.")
            try:
                self._it.tune(body)
            except ValidationError as error:
                raise InvalidParametersError(str(error)) from error
        return JSONResponse(self._it.tunables.model_dump())

    async def _seed(self, request: Request) -> Response:
        self._it.rng.seed(parse(Seed, await _body(request)).seed)
        return Response(status_code=204)

    async def _flush(self, _request: Request) -> Response:
        return JSONResponse(await self._it.sender.flush())

    async def _settle(self, request: Request) -> Response:
        return JSONResponse(await self._it.settle(parse(Seconds, await _body(request)).seconds))

    async def _event(self, request: Request) -> Response:
        body, now, rng = await _body(request), time.time(), self._it.rng
        if isinstance(body, dict) and "kind" in body:
            event = made_up(parse(MadeUp, body).kind, now, rng)
        else:
            custom = parse(Custom, body)
            about = {"type": custom.type.split(".")[1], "id": str(custom.data.get("id", ""))}
            event = envelope(custom.type, about, custom.data, now, rng)
        self._it.announce(event)
        return JSONResponse(event, 201)

    async def _redeliver(self, request: Request) -> Response:
        event_id = parse(EventId, await _body(request)).event_id
        delivery = self._it.outbox.send_again(event_id)
        if delivery is None:
            raise NotFoundError("event", event_id)
        self._it.sender.wake()
        return JSONResponse(self._webhook(delivery.id, whole=False), 201)

    async def _expire(self, request: Request) -> Response:
        return JSONResponse(self._it.state.expire_upload(request.path_params["upload_id"]).view())

    async def _fail_upload(self, request: Request) -> Response:
        message = parse(Message, await _body(request)).message
        upload = self._it.state.fail_upload(request.path_params["upload_id"], message)
        return JSONResponse(upload.view())

    async def _fail_asset(self, request: Request) -> Response:
        message = parse(Message, await _body(request)).message
        asset = self._it.state.fail_asset(request.path_params["asset_id"], message)
        return JSONResponse(asset.view())

    async def _list_samples(self, _request: Request) -> Response:
        return JSONResponse([clip.letter for clip in CLIPS])

    async def _make_sample(self, request: Request) -> Response:
        letter = request.path_params["letter"]
        clip = next((clip for clip in CLIPS if clip.letter == letter), None)
        if clip is None:
            raise NotFoundError("clip", letter)
        await self._it.samples.folder(clip)
        return Response(status_code=204)

    async def _reset(self, _request: Request) -> Response:
        await self._it.reset()
        return Response(status_code=204)


async def page(_request: Request) -> Response:
    """Return the page for people."""
    return HTMLResponse(PAGE)


async def _body(request: Request) -> object:
    text = await request.body()
    try:
        return json.loads(text) if text else {}
    except ValueError as error:
        raise InvalidParametersError("The body is not JSON.") from error
