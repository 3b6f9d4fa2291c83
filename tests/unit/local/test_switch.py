"""Parts of a stack that are taken away and brought back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from local.errors import StackError
from local.gateway.part_routes import PartRoutes
from local.switch import Switch, read

if TYPE_CHECKING:
    from pathlib import Path

    from local.own_parts import OwnParts


class FakeStack:
    """A stack of which Postgres is its own."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.broken = False

    def switchable(self) -> list[str]:
        return ["Postgres"]

    def stop_postgres(self) -> None:
        if self.broken:
            raise StackError("it does not stop")
        self.done.append("stop")

    def start_postgres(self) -> None:
        self.done.append("start")

    stop_dynamodb = start_dynamodb = stop_postgres


@pytest.fixture
def stack() -> FakeStack:
    return FakeStack()


@pytest.fixture
def switch(stack: FakeStack, tmp_path: Path) -> Switch:
    return Switch(cast("OwnParts", stack), tmp_path)


def ask(folder: Path, body: object = None, origin: str = "http://127.0.0.1:8787") -> httpx.Response:
    routes = PartRoutes(folder)
    app = Starlette(
        routes=[
            Route("/dev/parts", routes.show, methods=["GET"]),
            Route("/dev/parts", routes.switch, methods=["POST"]),
        ]
    )

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            if body is None:
                return await http.get("/dev/parts")
            return await http.post("/dev/parts", json=body, headers={"origin": origin})

    return asyncio.run(call())


def test_a_part_is_taken_away_once_and_brought_back(
    switch: Switch, stack: FakeStack, tmp_path: Path
) -> None:
    assert ask(tmp_path).json() == {"Postgres": True}
    assert switch.look() is None
    assert ask(tmp_path, {"part": "Postgres", "running": False}).status_code == 202
    assert "taken away" in str(switch.look())
    assert switch.look() is None
    assert ask(tmp_path).json() == {"Postgres": False}
    ask(tmp_path, {"part": "Postgres", "running": True})
    assert "back" in str(switch.look())
    assert stack.done == ["stop", "start"]


def test_a_part_that_does_not_stop_stays(switch: Switch, stack: FakeStack, tmp_path: Path) -> None:
    stack.broken = True
    ask(tmp_path, {"part": "Postgres", "running": False})
    assert "stays as it is: it does not stop" in str(switch.look())
    assert switch.look() is None
    assert ask(tmp_path).json() == {"Postgres": True}


def test_only_the_stacks_own_parts_and_own_pages_are_heard(switch: Switch, tmp_path: Path) -> None:
    assert ask(tmp_path, {"part": "DynamoDB", "running": False}).status_code == 404
    assert ask(tmp_path, {"part": "Postgres"}).status_code == 400
    foreign = ask(tmp_path, {"part": "Postgres", "running": False}, origin="https://evil.example")
    assert foreign.status_code == 403
    assert switch.look() is None
    switch.close()
    assert read(tmp_path / "parts.json") == {}
    assert ask(tmp_path).json() == {}
