"""Track open connections, so that an answer can be lost as networks lose it: without a byte."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connections:
    """The open connections of a server that uses `protocol()`."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """Return uvicorn's HTTP protocol, extended to track its connections here."""
        known = self._open

        class TrackedProtocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
                super().connection_made(transport)
                if self.client:
                    known[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client:
                    known.pop(self.client, None)
                super().connection_lost(exc)

        return TrackedProtocol

    def cut(self, host: str, port: int) -> None:
        """Close a client's connection at once.

        Raises:
            ConnectionAbortedError: The connection is unknown, as in a test without a server.
        """
        transport = self._open.get((host, port))
        if transport is None:
            raise ConnectionAbortedError
        transport.abort()
