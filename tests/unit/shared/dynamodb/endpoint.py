"""An endpoint that answers as a test says, and keeps what it was sent."""

from __future__ import annotations

import json
import socket
import threading
import zlib
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


CUT = b"\0cut"


@dataclass(frozen=True)
class Sent:
    """A request as it arrived."""

    headers: dict[str, str]
    raw: bytes
    connection: int

    @property
    def body(self) -> Any:  # noqa: ANN401  # any JSON
        return json.loads(self.raw)


def answer(status: int, body: bytes, **headers: str) -> bytes:
    """An answer's bytes, with its length and checksum."""
    named = {"content-length": str(len(body)), "x-amz-crc32": str(zlib.crc32(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + body


@dataclass
class Endpoint:
    """A port; each request gets the next of `answers`, or else an empty object.

    Attributes:
        answers: Bytes to send; where they end with `CUT`, the connection is closed after them.
        requests: What has arrived.
    """

    port: int
    answers: deque[bytes] = field(default_factory=deque, repr=False)
    requests: list[Sent] = field(default_factory=list, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def json(self, status: int, content: object, **headers: str) -> None:
        """Answer the next request with JSON."""
        self.answers.append(answer(status, json.dumps(content).encode(), **headers))

    def serve(self, listener: socket.socket) -> None:
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=self._talk, args=(connection, number), daemon=True).start()

    def _talk(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as reader:
            while reader.readline():
                headers = {}
                while (line := reader.readline().decode().rstrip("\r\n")) != "":
                    name, _, value = line.partition(": ")
                    headers[name.lower()] = value
                body = reader.read(int(headers["content-length"]))
                self.requests.append(Sent(headers, body, number))
                reply = self.answers.popleft() if self.answers else answer(200, b"{}")
                connection.sendall(reply.removesuffix(CUT))
                if reply.endswith(CUT):
                    return


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Endpoint(listener.getsockname()[1])
        thread = threading.Thread(target=running.serve, args=[listener], daemon=True)
        thread.start()
        yield running
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
