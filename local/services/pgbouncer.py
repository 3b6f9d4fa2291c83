"""PgBouncer in transaction mode on 127.0.0.1, between the functions and Postgres.

It is the system's own program (Debian's package pgbouncer), which is there or not.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from local.errors import StackError
from local.services.pgwheel import BINARIES
from local.services.processes import HOST, Part, free_port, supervised
from local.services.system_user import system_user
from local.state import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_START_S: Final = 30.0
_PLACES: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
_SETTINGS: Final = {
    "listen_addr": HOST,
    "unix_socket_dir": "",
    "auth_type": "scram-sha-256",
    "pool_mode": "transaction",
    "max_client_conn": "500",
    # What is left on a server connection is left for its next client: the functions bear it.
    "server_reset_query": "",
    "ignore_startup_parameters": "extra_float_digits",
    "log_connections": "0",
    "log_disconnections": "0",
}


def installed() -> str | None:
    """Find the program; None where this machine has none."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path=_PLACES)


class PgBouncer:
    """A pooler for some roles of one database.

    Attributes:
        port: its TCP port on 127.0.0.1, kept over a stop and a start.
    """

    def __init__(self, folder: Path, urls: Mapping[str, str], *, pool_size: int = 20) -> None:
        """Write the configuration.

        Args:
            folder: gets configuration and log; made where it is missing.
            urls: role to the URL with which it connects to the server itself; each with a
                password, all of one server and database.
            pool_size: how many server connections each role may use.

        Raises:
            StackError: PgBouncer is not installed, or it cannot serve these URLs.
        """
        program = installed()
        if program is None:
            raise StackError("PgBouncer is not installed (Debian: the package pgbouncer)")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._urls = dict(urls)
        self._log = folder / "pgbouncer.log"
        # As root it refuses to run, as Postgres does; the same user runs both.
        self._user = system_user(BINARIES, folder / "pgbouncer.ini")
        settings = _SETTINGS | {"listen_port": str(self.port), "default_pool_size": str(pool_size)}
        settings["auth_file"] = str(folder / "users.txt")
        lines = [f"{name} = {value}" for name, value in settings.items()]
        parts = [conninfo_to_dict(url) for url in urls.values()]
        server = {str(p.get("host") or "localhost"): str(p.get("port") or 5432) for p in parts}
        if len(server) != 1 or any("," in host for host in server):
            raise StackError("PgBouncer is set up here for one server alone")
        ((host, port),) = server.items()
        configuration = ["[databases]", f"* = host={host} port={port}", "[pgbouncer]", *lines]
        users = [f'"{role}" "{part["password"]}"' for role, part in zip(urls, parts, strict=True)]
        self._configuration = folder / "pgbouncer.ini"
        for file, text in ((self._configuration, configuration), (folder / "users.txt", users)):
            write_private(file, "\n".join(text) + "\n")
            if self._user is not None:
                shutil.chown(file, self._user, self._user)
        self._command = [program, str(self._configuration)]
        self._part: Part | None = None

    def url(self, role: str) -> str:
        """The URL with which a role connects through the pooler."""
        parts = urlsplit(self._urls[role])
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@{HOST}:{self.port}", query=""))

    def ended(self) -> bool:
        """Whether the process ended without having been stopped."""
        return self._part is not None and not self._part.alive

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            StackError: it did not start; with the end of its log.
        """
        self._part = Part("pgbouncer", supervised(self._command, user=self._user), log=self._log)
        role = next(iter(self._urls))
        deadline = time.monotonic() + _START_S
        while self._part.alive and time.monotonic() < deadline:
            try:
                psycopg.connect(self.url(role)).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
                continue
            return
        tail = self._part.log_tail()
        self.stop()
        raise StackError(f"PgBouncer did not start.{tail}")

    def stop(self) -> None:
        """End it at once, whatever its clients are doing; harmless when it is stopped."""
        if self._part is not None:
            self._part.stop()
            self._part = None
