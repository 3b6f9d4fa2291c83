"""API Gateway and Lambda for local use, in one application.

Routes and authorizer come from template.yaml, each function runs in its own worker processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from local.errors import StackError
from local.gateway.authorizer import Authorizer, load_key
from local.gateway.cells import Placement
from local.gateway.dev_routes import DevRoutes
from local.gateway.emulator import EmulatedWorker
from local.gateway.events import MAX_HEADER_BYTES, MAX_LINE_BYTES
from local.gateway.following import Following
from local.gateway.http_api import HttpApi
from local.gateway.media_proxy import MediaProxy
from local.gateway.page import FeedPage
from local.gateway.part_routes import PartRoutes
from local.gateway.schedules import running_schedules
from local.gateway.template import load_template
from local.gateway.workers import InvocationError, Worker, WorkerPool
from local.paths import PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from local.gateway.template import Function, Template

SHUTDOWN_S = 3
FEED = "feed_ranker"


@dataclass(frozen=True)
class GatewayConfig:
    """What the gateway is told by the stack, as a JSON file.

    Attributes:
        template: path of the SAM template.
        parameters: values of its parameters.
        key: path of the key that signs local tokens.
        logs: the folder for `<function>.log`.
        environments: logical id to the variables of each function.
        workers: logical id to the number of its worker processes at most.
        schedule_speed: how much faster than the template says schedules run.
        tolerant: serve although a function does not start; requests to it fail, as on AWS.
        artifacts: the folder that `sam build` made, to be run in AWS's emulator; None runs the
            checkout in workers of our own.
        warm: whether to have one container of each function ready before the first request.
        viewer_id_claim: the claim of local tokens that holds the viewer's id.
        media: addresses of streams, pictures and uploads, which the page may reach.
        cells: environments of the feed's function in each viewer cell, by its number.
        placement: URLs of the servers that know which cell a viewer belongs to.
        proxied: the address that is served at `/media` for pages on other machines; empty for none.
    """

    template: str
    parameters: dict[str, str]
    key: str
    logs: str
    environments: dict[str, dict[str, str]]
    workers: dict[str, int]
    schedule_speed: float = 1.0
    tolerant: bool = False
    artifacts: str | None = None
    warm: bool = True
    viewer_id_claim: str = "sub"
    media: tuple[str, ...] = ()
    proxied: str = ""
    cells: dict[str, dict[str, str]] = field(default_factory=dict)
    placement: tuple[str, ...] = ()


def create_app(config: GatewayConfig) -> Starlette:
    """The gateway with its dev routes and worker pools.

    The pools live as long as the application's lifespan; each has one worker ready at its start,
    unless the configuration wants cold ones.

    Raises:
        StackError: template or key can't be used.
    """
    template = load_template(Path(config.template), config.parameters)
    authorizer = Authorizer(
        load_key(Path(config.key)),
        template.issuer,
        template.audiences,
        claim=config.viewer_id_claim,
    )
    pools = {
        logical_id: _pool(config, function, config.environments[logical_id])
        for logical_id, function in template.functions.items()
    }
    cells = {
        number: _pool(config, template.functions[feed], environment, suffix=f"-cell-{number}")
        for number, environment in config.cells.items()
        for feed in template.functions
        if template.functions[feed].name == FEED
    }
    placement = Placement([int(number) for number in cells], config.placement)
    # Each pool by a name, under which it can be invoked.
    named = pools | {f"{FEED}-cell-{number}": pool for number, pool in cells.items()}

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            if config.warm:
                await _warm(named.values(), tolerant=config.tolerant)
            async with AsyncExitStack() as running:
                for proxy in proxies:
                    await running.enter_async_context(proxy.running())
                speed = config.schedule_speed
                await running.enter_async_context(running_schedules(named.values(), speed=speed))
                yield
        finally:
            await placement.close()
            for pool in named.values():
                await pool.close()

    dev = DevRoutes(authorizer, named)
    proxies = [MediaProxy(config.proxied)] if config.proxied else []
    stack = PartRoutes(Path(config.logs).parent)
    following = Following(authorizer, _app_database(config, template), config.viewer_id_claim)
    gateway = Starlette(
        routes=[
            *FeedPage(PAGE, config.media).routes,
            *(route for proxy in proxies for route in proxy.routes),
            Route("/dev/token", dev.token, methods=["POST"]),
            Route("/dev/follow", following.follow, methods=["POST"]),
            Route("/dev/parts", stack.show, methods=["GET"]),
            Route("/dev/parts", stack.switch, methods=["POST"]),
            Route("/2015-03-31/functions/{name}/invocations", dev.invoke, methods=["POST"]),
        ],
        lifespan=lifespan,
    )
    # No Mount: a path with a line break in it would match none.
    api = HttpApi(template, authorizer, pools)
    if cells:
        api.send_to_cells(
            {int(n): pool for n, pool in cells.items()}, placement, config.viewer_id_claim
        )
    gateway.router.default = api
    return gateway


def _pool(
    config: GatewayConfig, function: Function, environment: dict[str, str], suffix: str = ""
) -> WorkerPool:
    logical_id = function.logical_id
    return WorkerPool(
        function,
        environment,
        maximum=config.workers[logical_id],
        log=Path(config.logs) / f"{function.name}{suffix}.log",
        start=Worker.start
        if config.artifacts is None
        else partial(EmulatedWorker.start, artifact=Path(config.artifacts) / logical_id),
    )


def _app_database(config: GatewayConfig, template: Template) -> str:
    """The database as the feed's function connects to it; empty where it has none."""
    for logical_id, function in template.functions.items():
        if function.name == FEED:
            return config.environments[logical_id].get("DATABASE_URL", "")
    return ""


async def _warm(pools: Iterable[WorkerPool], *, tolerant: bool) -> None:
    """Has a worker of each function ready; raises StackError with every one that does not start."""
    outcomes = await asyncio.gather(*map(_fault, pools))
    faults = [fault for fault in outcomes if fault is not None]
    if faults and not tolerant:
        raise StackError("\n".join(faults))
    for fault in faults:
        print(fault, file=sys.stderr)


async def _fault(pool: WorkerPool) -> str | None:
    try:
        await pool.warm()
    except InvocationError as error:
        return f"{pool.function.logical_id} does not start: {error}"
    return None


def plain_refusal(application: ASGIApp) -> ASGIApp:
    """The application; where it refuses to start with a StackError, it says no more than that.

    Starlette would tell the traceback, in which whoever mistyped a setting looks for its name.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return
        kept: list[Message] = []

        async def pass_on(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                kept.append(message)
            else:
                await send(message)

        try:
            await application(scope, receive, pass_on)
        except StackError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        except BaseException:
            for message in kept:
                await send(message)
            raise

    return serve


class Server(uvicorn.Server):
    """uvicorn, which says when it serves and ends when standard input closes."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then announces it to the stack."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(f"ready http://{host}:{port}", flush=True)

    def end_with_parent(self) -> None:
        """Waits for the end of standard input, then ends the server, by force if need be."""
        while os.read(0, 4096):
            pass
        self.should_exit = True
        timer = threading.Timer(2 * SHUTDOWN_S, os._exit, [1])
        timer.daemon = True
        timer.start()


def main() -> None:
    """Serves on an inherited, listening socket."""
    parser = argparse.ArgumentParser(prog="python -m local.gateway")
    parser.add_argument("--config", type=Path, required=True, help="JSON of a GatewayConfig")
    parser.add_argument("--socket", type=int, required=True, help="descriptor of the socket")
    arguments = parser.parse_args()
    config = GatewayConfig(**json.loads(arguments.config.read_text(encoding="utf-8")))
    server = Server(
        uvicorn.Config(
            plain_refusal(create_app(config)),
            http="h11",
            # Room for a request that the HTTP API itself refuses, with a problem document.
            h11_max_incomplete_event_size=2 * (MAX_LINE_BYTES + MAX_HEADER_BYTES),
            ws="none",
            lifespan="on",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
    threading.Thread(target=server.end_with_parent, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=arguments.socket)])
