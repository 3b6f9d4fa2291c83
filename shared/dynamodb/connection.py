"""HTTP/1.1 to one host: a POST and its answer, over connections that are kept, within a deadline.

It does what a client of DynamoDB needs and no more: answers have a length or come in chunks.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK: Final = 65_536
_MAX_HEAD: Final = 65_536
_PORTS: Final = {"http": 80, "https": 443}


class LostConnectionError(ConnectionClosedError):
    """A kept connection was cut before any of the answer came."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connections:
    """Connections to one endpoint, each used by one call at a time."""

    def __init__(self, endpoint_url: str, tls: ssl.SSLContext) -> None:
        """Keep the address; the first call connects.

        Args:
            endpoint_url: Scheme, host and port; a path of it is not used.
            tls: For https.
        """
        parts = urlsplit(endpoint_url)
        self._url = endpoint_url
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._tls = tls if parts.scheme == "https" else None
        self._idle: deque[socket.socket] = deque()

    def post(
        self, headers: Mapping[str, str], body: bytes, deadline: float, *, fresh: bool
    ) -> HttpAnswer:
        """Send a POST to `/` and wait for the answer.

        Args:
            headers: With `host` and without `content-length`.
            body: What is sent.
            deadline: Until when, by `time.monotonic`.
            fresh: Whether to open a new connection in any case.

        Raises:
            LostConnectionError: A kept connection was cut before any of the answer came.
            BotoCoreError: There is no connection, it broke, or the deadline has passed.
        """
        kept = None if fresh else self._take()
        connection = kept or self._connect(deadline)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"POST / HTTP/1.1\r\n{''.join(lines)}content-length: {len(body)}\r\n\r\n"
        reader = _Reader(connection, deadline)
        try:
            reader.limit()
            connection.sendall(head.encode("latin-1") + body)
            answer, reusable = reader.answer()
        except TimeoutError as error:
            connection.close()
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (OSError, ValueError) as error:
            connection.close()
            lost = kept is not None and not reader.received
            kind = LostConnectionError if lost else ConnectionClosedError
            raise kind(endpoint_url=self._url, error=error) from error
        except BaseException:
            connection.close()
            raise
        if reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> socket.socket | None:
        """Take the connection that was used last, unless the other side has closed it."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            waiting = select.poll()
            waiting.register(connection, select.POLLIN)
            if not waiting.poll(0):
                return connection
            connection.close()  # nothing is asked: what can be read is the end

    def _connect(self, deadline: float) -> socket.socket:
        left_s = max(deadline - time.monotonic(), 0.001)
        try:
            plain = socket.create_connection((self._host, self._port), timeout=left_s)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._tls is None:
            return plain
        try:
            plain.settimeout(max(deadline - time.monotonic(), 0.001))
            return self._tls.wrap_socket(plain, server_hostname=self._host)
        except TimeoutError as error:
            plain.close()
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except (ssl.SSLError, ssl.CertificateError) as error:
            plain.close()
            raise SSLError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            plain.close()
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error


class _Reader:
    """Reads one answer."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._buffer = b""
        self.received = False

    def limit(self) -> None:
        """Let the next operation on the socket end with the deadline.

        Raises:
            TimeoutError: It has passed.
        """
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the deadline has passed")
        self._connection.settimeout(left_s)

    def answer(self) -> tuple[HttpAnswer, bool]:
        """Read the answer, and whether the connection can be used again.

        Raises:
            TimeoutError: The deadline has passed.
            OSError: The connection broke.
            ValueError: This is no HTTP/1.1.
        """
        version, status, headers = self._head()
        while 100 <= status < 200:  # noqa: PLR2004  # interim answers
            version, status, headers = self._head()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._exactly(_length(headers["content-length"]))
        else:
            raise ValueError("the answer has no length")
        reusable = (
            version == "HTTP/1.1"
            and headers.get("connection", "").lower() != "close"
            and not self._buffer
        )
        return HttpAnswer(status, headers, body), reusable

    def _head(self) -> tuple[str, int, dict[str, str]]:
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        version, _, rest = first.partition(" ")
        status = rest[:3]
        if not (version.startswith("HTTP/1.") and status.isdecimal()):
            raise ValueError("the answer is no HTTP/1.1")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return version, int(status), headers

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while True:
            size = _length(self._until(b"\r\n").partition(b";")[0].decode("latin-1"), base=16)
            if size == 0:
                while self._until(b"\r\n"):
                    pass  # trailers
                return b"".join(parts)
            parts.append(self._exactly(size))
            if self._exactly(2) != b"\r\n":
                raise ValueError("a chunk is longer than it says")

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            if len(self._buffer) > _MAX_HEAD:
                raise ValueError("a line or the head of the answer is too long")
            self._receive()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _exactly(self, size: int) -> bytes:
        if len(self._buffer) < size:
            parts, missing = [self._buffer], size - len(self._buffer)
            self._buffer = b""
            while missing > 0:
                self._receive()
                parts.append(self._buffer)
                missing -= len(self._buffer)
            self._buffer = b"".join(parts)
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _receive(self) -> None:
        """Add what has come to what was read. Called with an empty buffer, or while it is short."""
        self.limit()
        data = self._connection.recv(_CHUNK)
        if not data:
            raise ConnectionResetError("the connection was closed")
        self.received = True
        self._buffer += data


def _length(text: str, base: int = 10) -> int:
    if not text.strip().isalnum():
        raise ValueError("the answer's length is no number")
    return int(text, base)
