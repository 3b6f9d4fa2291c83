"""A free port is given to one alone, and a server can listen on it."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from itertools import chain, count

import pytest

from local.services.processes import HOST, PORTS, free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ports are kept on Linux alone")
FROM_NUMBERS = """
import secrets, sys
numbers = iter(map(int, sys.argv[1:]))
secrets.randbelow = lambda _: next(numbers)
from local.services.processes import free_port
print(free_port())
"""


@pytest.fixture
def port() -> int:
    return free_port()


def test_a_port_is_not_given_a_second_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    other = free_port()
    numbers = chain([port - PORTS.start, other - PORTS.start], count())
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(numbers))
    assert free_port() not in {port, other}


def test_another_process_does_not_get_a_port_that_is_kept_here(port: int) -> None:
    drawn = [str(number) for number in (port - PORTS.start, *range(100, 200))]
    given = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", FROM_NUMBERS, *drawn], capture_output=True, text=True, check=True
    )
    assert int(given.stdout) != port


def test_a_server_listens_on_a_kept_port_and_again_after_it_was_stopped(port: int) -> None:
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port), 30)
        with (
            socket.create_server((HOST, port)),
            socket.create_connection((HOST, port), 30) as client,
        ):
            assert client.getpeername() == (HOST, port)
