"""The little of Redis's protocol (RESP 2) that the benchmark speaks.

No client of Redis is among the pinned packages, since nothing that is deployed uses Redis.
https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Reply = bytes | int | list["Reply"] | None


class RedisError(Exception):
    """The server refused a command, or broke off."""


class Redis:
    """One connection."""

    def __init__(self, host: str, port: int, timeout_s: float = 10.0) -> None:
        self._socket = socket.create_connection((host, port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")

    def pipeline(self, commands: Sequence[Sequence[str | bytes | int | float]]) -> list[Reply]:
        """Send commands together; their replies.

        Raises:
            RedisError: The server refused one, or broke off.
        """
        self._socket.sendall(b"".join(map(_encode, commands)))
        return [self._read() for _ in commands]

    def call(self, *command: str | bytes | float) -> Reply:
        """Send one command; its reply."""
        return self.pipeline([command])[0]

    def close(self) -> None:
        """Close the connection."""
        self._replies.close()
        self._socket.close()

    def _read(self) -> Reply:
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise RedisError("the connection was closed")
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest
            case b"-":
                raise RedisError(rest.decode(errors="replace"))
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._replies.read(int(rest) + 2)[:-2]
            case b"*":
                return None if rest == b"-1" else [self._read() for _ in range(int(rest))]
            case _:
                raise RedisError(f"a reply begins with {kind!r}")


def _encode(command: Sequence[str | bytes | float]) -> bytes:
    parts = [p if isinstance(p, bytes) else str(p).encode() for p in command]
    head = b"*%d\r\n" % len(parts)
    return head + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
