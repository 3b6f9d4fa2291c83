"""A TCP relay that counts round trips as the wire sees them."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Relay:
    """Passes bytes between clients and a server.

    Attributes:
        port: Where clients connect.
        turns: How often a client has spoken after the server had: round trips.
    """

    def __init__(self, host: str, port: int) -> None:
        self.turns = 0
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._server_spoke_last = True
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Cut all connections."""
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for source, target, by_client in ((client, server, True), (server, client, False)):
                    thread = threading.Thread(target=self._pass, args=(source, target, by_client))
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, source: socket.socket, target: socket.socket, by_client: bool) -> None:  # noqa: FBT001 - a thread's argument
        with suppress(OSError):  # cut off by close()
            while data := source.recv(65_536):
                with self._lock:
                    if by_client and self._server_spoke_last:
                        self.turns += 1
                    self._server_spoke_last = not by_client
                target.sendall(data)


@contextmanager
def relay(host: str, port: int) -> Iterator[Relay]:
    """A relay to a server while the block runs."""
    passing = Relay(host, port)
    try:
        yield passing
    finally:
        passing.close()
