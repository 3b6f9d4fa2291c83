"""`/dev/parts`: which parts of the stack run, and buttons that take them away."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.gateway.dev_routes import is_from_a_foreign_page
from local.state import write_json
from local.switch import STATE, WANTED, read

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request


class PartRequest(BaseModel):
    """What `POST /dev/parts` takes."""

    model_config = ConfigDict(extra="forbid")

    part: str
    running: StrictBool


class PartRoutes:
    """The endpoints.

    Args:
        folder: the stack's folder, where it reads what is asked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def show(self, _: Request) -> Response:
        """Tell which of the stack's own parts run; nothing where the stack follows no wishes."""
        return JSONResponse(read(self._folder / STATE))

    async def switch(self, request: Request) -> Response:
        """Take a part away or bring it back; the stack does it within a second."""
        if is_from_a_foreign_page(request):
            return PlainTextResponse("Not for web pages of other hosts.", HTTPStatus.FORBIDDEN)
        try:
            wanted = PartRequest.model_validate_json(await request.body())
        except ValidationError:
            return PlainTextResponse("part and running are needed.", HTTPStatus.BAD_REQUEST)
        if wanted.part not in read(self._folder / STATE):
            return PlainTextResponse("There is no such part.", HTTPStatus.NOT_FOUND)
        asked = read(self._folder / WANTED) | {wanted.part: wanted.running}
        write_json(self._folder / WANTED, asked)
        return JSONResponse(asked, HTTPStatus.ACCEPTED)
