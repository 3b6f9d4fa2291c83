"""Media of the stand-in, by way of the gateway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from local.gateway.media_proxy import MediaProxy

if TYPE_CHECKING:
    from starlette.requests import Request


async def stand_in(request: Request) -> Response:
    body = await request.body()
    given = request.headers
    assert "authorization" not in given
    return Response(
        f"{request.method} {request.url.path}?{request.url.query} {body.decode()}",
        308 if request.method == "PUT" else 206,
        {"range": given.get("content-range", given.get("range", "")), "x-secret": "1"},
        media_type="video/mp2t",
    )


def ask(method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
    proxy = MediaProxy("http://127.0.0.1:1")
    inner = Starlette(routes=[Route("/{path:path}", stand_in, methods=["GET", "PUT"])])
    proxy._http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=inner), base_url="http://127.0.0.1:1"
    )
    outer = httpx.ASGITransport(app=Starlette(routes=proxy.routes))

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=outer, base_url="http://10.0.0.1:8787") as http:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await http.request(method, path, content=body, headers=sent)

    return asyncio.run(call())


def test_a_range_of_a_stream_is_passed_on() -> None:
    answer = ask(
        "GET", "/media/play-1/00001.ts?token=x", range="bytes=0-1", authorization="Bearer x"
    )
    assert answer.status_code == 206
    assert answer.text == "GET /play-1/00001.ts?token=x "
    assert answer.headers["range"] == "bytes=0-1"
    assert answer.headers["content-type"] == "video/mp2t"
    assert "x-secret" not in answer.headers


def test_a_part_of_a_file_is_passed_on() -> None:
    answer = ask("PUT", "/media/upload/1/secret", "bytes", content_range="bytes 0-4/9")
    assert (answer.status_code, answer.text) == (308, "PUT /upload/1/secret? bytes")
    assert answer.headers["range"] == "bytes 0-4/9"


@pytest.mark.parametrize("path", ["video/v1/assets", "control", "control/x", "system/v1/whoami"])
def test_what_is_no_medium_is_not_there(path: str) -> None:
    assert ask("GET", f"/media/{path}").status_code == 404
