"""The stand-in as a server on one port of this machine."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.mux.api.fault_middleware import FaultMiddleware
from local.mux.api.middleware import ApiMiddleware
from local.mux.api.routes import Api
from local.mux.api.system import SystemApi
from local.mux.control.routes import Control, page
from local.mux.playback.routes import Playback
from local.mux.stand_in import StandIn
from local.mux.uploads.endpoint import UploadEndpoint

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1


def application(stand_in: StandIn) -> Starlette:
    """Return the ASGI application of a stand-in. Its lifespan runs the stand-in."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with stand_in.running():
            yield

    return Starlette(
        routes=[
            Mount("/video/v1", ApiMiddleware(Api(stand_in).app, stand_in)),
            Mount("/system/v1", ApiMiddleware(SystemApi(stand_in).app, stand_in)),
            Route("/control", page),
            Mount("/control", OwnPagesOnly(Control(stand_in).app)),
            Mount("/upload", FaultMiddleware(UploadEndpoint(stand_in).app, stand_in)),
            Mount("/", Playback(stand_in).app),
        ],
        # A foreign page may let its own name resolve to this machine. Refuse its name.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        lifespan=lifespan,
    )


class OwnPagesOnly:
    """ASGI middleware that refuses requests from pages of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless a browser says that a foreign page sent it."""
        request = Request(scope)
        origin = request.headers.get("origin")
        if origin is None or origin == f"http://{request.headers.get('host')}":
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("Foreign origin", 403)(scope, receive, send)


class Server(uvicorn.Server):
    """A uvicorn server that prints its address, and ends without an error on a signal."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets)
        for listening in sockets or []:
            print(f"ready http://{HOST}:{listening.getsockname()[1]}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end the server, so that it exits with status 0."""
        with contextlib.suppress(KeyboardInterrupt), super().capture_signals():
            yield
            self._captured_signals.clear()


def listen(port: int) -> socket.socket:
    """Return a socket bound to a port of this machine. 0 means any free port."""
    # asyncio turns Nagle's algorithm off only where the protocol is named. It costs
    # 40 ms a request.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    return bound


def serve(stand_in: StandIn, bound: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        application(stand_in),
        http=stand_in.connections.protocol(),
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
    )
    Server(config).run(sockets=[bound])
