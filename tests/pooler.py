"""PgBouncer in transaction mode, between a test and its database."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from local.services.processes import HOST, Part, free_port, supervised

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PGBOUNCER: Final = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
_START_S = 60.0


@contextmanager
def transaction_pooler(url: str, folder: Path, *, connections: int = 1) -> Iterator[str]:
    """Run a pooler while the block runs.

    Args:
        url: The database's URL. The pooler logs in as this user for everybody.
        folder: A new folder of the pooler's own, which another system user can reach.
        connections: The number of server connections that clients share.

    Yields:
        The URL of the same database through the pooler.
    """
    assert PGBOUNCER is not None
    given = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    port = free_port()
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    settings = folder / "pgbouncer.ini"
    settings.write_text(_settings(given, port, connections), encoding="utf-8")
    as_root = os.geteuid() == 0
    command = [PGBOUNCER, "--quiet", *(["--user", "nobody"] if as_root else []), str(settings)]
    part = Part("pgbouncer", supervised(command), log=folder / "pgbouncer.log")
    through = f"postgresql://{given['user']}@{HOST}:{port}/{given['dbname']}"
    try:
        _wait(part, through)
        yield through
    finally:
        part.stop()


def _settings(given: dict[str, str], port: int, connections: int) -> str:
    target = make_conninfo(**{k: v for k, v in given.items() if k in _TARGET})
    return f"""
[databases]
{given["dbname"]} = {target}
[pgbouncer]
listen_addr = {HOST}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
ignore_startup_parameters = extra_float_digits
"""


_TARGET = ("host", "port", "dbname", "user", "password")


def _wait(part: Part, url: str) -> None:
    deadline = time.monotonic() + _START_S
    while part.alive and time.monotonic() < deadline:
        try:
            psycopg.connect(url, prepare_threshold=None).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the pooler did not start.{part.log_tail()}")
