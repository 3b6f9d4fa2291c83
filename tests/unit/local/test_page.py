"""The page at the gateway's root."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette

from local.gateway.page import FeedPage
from local.paths import PAGE

if TYPE_CHECKING:
    from pathlib import Path

MUX = "http://127.0.0.1:4000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "dist"
    built.mkdir()
    (built / "index.html").write_text("<!doctype html><title>Vroom</title>")
    (built / "main.js").write_text("export const answer = 42;")
    (tmp_path / "secret.txt").write_text("secret")
    return built


class Client:
    """Asks the application without a server."""

    def __init__(self, folder: Path) -> None:
        app = Starlette(routes=FeedPage(folder, [f"{MUX}/video"]).routes)
        self._transport = httpx.ASGITransport(app=app)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://page") as http:
                return await http.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def client(folder: Path) -> Client:
    return Client(folder)


def test_the_root_is_the_page(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Vroom</title>" in answer.text


def test_its_parts_have_their_types(client: Client) -> None:
    answer = client.get("/page/main.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_has_a_part_is_told_so(client: Client) -> None:
    tag = client.get("/page/main.js").headers["etag"]
    assert client.get("/page/main.js", headers={"if-none-match": tag}).status_code == 304


def test_a_range_of_a_part_is_answered(client: Client) -> None:
    answer = client.get("/page/main.js", headers={"range": "bytes=7-11"})
    assert (answer.status_code, answer.text) == (206, "const")
    assert answer.headers["content-range"] == "bytes 7-11/25"


@pytest.mark.parametrize(
    "path", ["/page/", "/page/none.js", "/page/..%2Fsecret.txt", "/page/%2e%2e/secret.txt", "/x"]
)
def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_the_page_runs_its_own_scripts_alone_and_reaches_only_api_and_media(
    client: Client,
) -> None:
    policy = client.get("/").headers["content-security-policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["connect-src"] == f"'self' {MUX}"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


def test_the_built_page_is_committed_and_names_only_its_own_parts() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert "page/main.js" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<script>" not in text
    assert " style=" not in text
