"""`POST /dev/follow`: what an app does when its viewer follows a creator.

Whom a viewer follows is the app's own: the feed reads the table and has no route for it. Here the
local page has one, which writes as the viewer, under row level security.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import JSONResponse, Response

from local.gateway.authorizer import UnauthorizedError
from local.gateway.problems import problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from local.gateway.authorizer import Authorizer

CONNECT_TIMEOUT_S = 3


class FollowRequest(BaseModel):
    """What the route takes."""

    model_config = ConfigDict(extra="forbid")

    creator_id: UUID
    undo: bool = False


class Following:
    """The endpoint.

    Args:
        authorizer: checks the viewer's token.
        database_url: the database, as the feed's function connects to it.
        claim: the token's claim that holds the viewer's id.
    """

    def __init__(self, authorizer: Authorizer, database_url: str, claim: str) -> None:
        self._authorizer = authorizer
        self._claim = claim
        self._database_url = database_url

    async def follow(self, request: Request) -> Response:
        """Follow a creator, or no longer."""
        try:
            claims = self._authorizer.authorize(request.headers.get("authorization"))
            wanted = FollowRequest.model_validate_json(await request.body())
        except UnauthorizedError as error:
            return _refusal(HTTPStatus.UNAUTHORIZED, str(error))
        except ValidationError:
            return _refusal(HTTPStatus.BAD_REQUEST, "a JSON object with creator_id is needed")
        try:
            await asyncio.to_thread(self._write, str(claims.get(self._claim)), wanted)
        except psycopg.Error:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer")
        return JSONResponse({"creator_id": str(wanted.creator_id), "undone": wanted.undo})

    def _write(self, viewer: str, wanted: FollowRequest) -> None:
        statement = (
            "DELETE FROM public.follows WHERE follower_id = %s AND creator_id = %s"
            if wanted.undo
            else "INSERT INTO public.follows (follower_id, creator_id) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING"
        )
        claims = json.dumps({"sub": viewer})
        with psycopg.connect(self._database_url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
            connection.execute(statement, [viewer, wanted.creator_id])


def _refusal(status: HTTPStatus, detail: str) -> Response:
    answer = problem(status, detail, str(uuid.uuid4()))
    return Response(answer.body, answer.status, headers=dict(answer.headers))
