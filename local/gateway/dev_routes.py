"""Routes that only the local gateway has: tokens for testers, direct invocation of functions."""

from __future__ import annotations

import json
import uuid
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from local.gateway.authorizer import DEFAULT_LIFETIME_S
from local.gateway.problems import problem
from local.gateway.workers import InvocationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from local.gateway.answers import HttpAnswer
    from local.gateway.authorizer import Authorizer
    from local.gateway.workers import WorkerPool

CENTURY_S = 100 * 366 * 86_400


class TokenRequest(BaseModel):
    """What `POST /dev/token` takes."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID
    expires_in: int = Field(default=DEFAULT_LIFETIME_S, ge=-CENTURY_S, le=CENTURY_S, strict=True)


class DevRoutes:
    """The endpoints.

    Args:
        authorizer: issues the tokens.
        pools: logical id to the function's workers.
    """

    def __init__(self, authorizer: Authorizer, pools: Mapping[str, WorkerPool]) -> None:
        self._authorizer = authorizer
        self._pools = dict(pools)
        for pool in pools.values():
            # Of several pools of one function, its name is that of the first.
            self._pools.setdefault(pool.function.name, pool)

    async def token(self, request: Request) -> Response:
        """`POST /dev/token {"user_id", "expires_in"}`: a viewer's token."""
        if is_from_a_foreign_page(request):
            return _refused()
        try:
            wanted = TokenRequest.model_validate_json(await request.body())
        except ValidationError as error:
            errors = [
                {"field": ".".join(map(str, e["loc"])) or "body", "message": e["msg"]}
                for e in error.errors()
            ]
            detail = "a JSON object with user_id, a UUID, is needed"
            return _response(problem(HTTPStatus.BAD_REQUEST, detail, _id(), errors=errors))
        token = self._authorizer.issue_token(str(wanted.user_id), expires_in=wanted.expires_in)
        return JSONResponse({"token": token})

    async def invoke(self, request: Request) -> Response:
        """Lambda's Invoke, for events that don't come by HTTP, such as schedules."""
        if is_from_a_foreign_page(request):
            return _refused()
        pool = self._pools.get(request.path_params["name"])
        if pool is None:
            return _response(problem(HTTPStatus.NOT_FOUND, "there is no such function", _id()))
        try:
            event = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            return _response(problem(HTTPStatus.BAD_REQUEST, "the event is no JSON", _id()))
        try:
            result = await pool.invoke(event)
        except InvocationError as error:
            return JSONResponse(
                {"errorType": type(error).__name__, "errorMessage": str(error)},
                headers={"X-Amz-Function-Error": "Unhandled"},
            )
        return JSONResponse(result)


def is_from_a_foreign_page(request: Request) -> bool:
    """Whether a browser sends this for a web page that isn't of this machine.

    A page is of this machine, too, where it comes from the very address that the request goes to.
    That must be a number: a name could be made to resolve to this machine by anybody.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return False
    page = urlsplit(origin)
    if page.hostname in {"127.0.0.1", "localhost"}:
        return False
    return page.netloc != request.headers.get("host") or not _is_address(page.hostname or "")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _refused() -> Response:
    return _response(problem(HTTPStatus.FORBIDDEN, "not for web pages of other hosts", _id()))


def _id() -> str:
    return str(uuid.uuid4())


def _response(answer: HttpAnswer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers))
