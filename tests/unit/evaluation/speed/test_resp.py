from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from evaluation.speed.resp import Redis, RedisError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def server(replies: bytes) -> Iterator[tuple[Redis, socket.socket]]:
    """A client whose server has these replies in store."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        redis = Redis(*listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(replies)
            yield redis, accepted
        redis.close()


def test_commands_are_sent_as_arrays_of_strings() -> None:
    with server(b"+OK\r\n") as (redis, peer):
        assert redis.call("SET", "ké", 1.5) == b"OK"

        assert peer.recv(100) == b"*3\r\n$3\r\nSET\r\n$3\r\nk\xc3\xa9\r\n$3\r\n1.5\r\n"


def test_all_kinds_of_replies_are_read_in_order() -> None:
    with server(b":12\r\n$5\r\na\r\nbc\r\n$-1\r\n*2\r\n$1\r\nx\r\n:1\r\n*-1\r\n") as (redis, _):
        assert redis.pipeline([["PING"]] * 5) == [12, b"a\r\nbc", None, [b"x", 1], None]


def test_a_refusal_is_an_error() -> None:
    with (
        server(b"-ERR no such command\r\n") as (redis, _),
        pytest.raises(RedisError, match="no such"),
    ):
        redis.call("NONSENSE")


def test_a_connection_that_breaks_off_is_an_error() -> None:
    with server(b"$5\r") as (redis, peer):
        peer.close()
        with pytest.raises(RedisError, match="closed"):
            redis.call("GET", "key")
