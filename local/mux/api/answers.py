"""Read the bodies of requests, and answer in Mux's form."""

import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.mux.errors import InvalidParametersError, MuxError
from local.mux.records import Json


def data(content: Json | list[Json], status: int = 200) -> JSONResponse:
    """Return an answer with content."""
    return JSONResponse({"data": content}, status)


async def json_body(request: Request) -> object:
    """Return the body of a request.

    Raises:
        InvalidParametersError: The body is not JSON.
    """
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise InvalidParametersError("The body is not JSON.") from error


async def refusal(_request: Request, error: Exception) -> Response:
    """Return the answer that a `MuxError` stands for."""
    if not isinstance(error, MuxError):
        raise error
    return JSONResponse(error.body(), error.status)


async def no_route(request: Request, error: Exception) -> Response:
    """Return the answer to a request that has no route."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = f"There is no {request.method} {request.url.path}"
    return await refusal(request, MuxError(status, "not_found", text))
