"""What gateway and worker say to one another: JSON documents, each after its length."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import asyncio

LENGTH = struct.Struct(">I")


def encode(document: bytes) -> bytes:
    """A document as it goes over the pipe."""
    return LENGTH.pack(len(document)) + document


def read(pipe: BinaryIO) -> Any:  # noqa: ANN401  (any JSON)
    """The next document from a blocking pipe.

    Raises:
        EOFError: the other side closed the pipe.
    """
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    body = pipe.read(length)
    if len(body) < length:
        raise EOFError
    return json.loads(body)


async def read_async(pipe: asyncio.StreamReader) -> Any:  # noqa: ANN401  (any JSON)
    """The next document from a stream.

    Raises:
        EOFError: the other side closed the pipe (asyncio.IncompleteReadError is one).
    """
    (length,) = LENGTH.unpack(await pipe.readexactly(LENGTH.size))
    return json.loads(await pipe.readexactly(length))
