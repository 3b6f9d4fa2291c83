"""PgBouncer in transaction mode on 127.0.0.1, between the functions and Postgres.

The program is the system's own, from Debian's package pgbouncer. It may not be installed.
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
    # A server connection keeps its state for the next client, with which the functions can cope.
    "server_reset_query": "",
    "ignore_startup_parameters": "extra_float_digits",
    "log_connections": "0",
    "log_disconnections": "0",
}


def installed() -> str | None:
    """Return the path of the program, or None where it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path=_PLACES)


class PgBouncer:
    """A pooler for some roles of one database.

    Attributes:
        port: The TCP port on 127.0.0.1, which a stop and a start do not change.
    """

    def __init__(self, folder: Path, urls: Mapping[str, str], *, pool_size: int = 20) -> None:
        """Write the configuration.

        Args:
            folder: The folder for the configuration and the log. It is made where it is missing.
            urls: The URL with which each role connects to the server itself, by role. Each URL
                has a password, and all have the same server and database.
            pool_size: The number of server connections that each role may use.

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
        # PgBouncer refuses to run as root, as Postgres does. The same user runs both.
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
        """Return the URL with which a role connects through the pooler."""
        parts = urlsplit(self._urls[role])
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@{HOST}:{self.port}", query=""))

    def ended(self) -> bool:
        """Tell whether the process ended without having been stopped."""
        return self._part is not None and not self._part.alive

    def start(self) -> None:
        """Start PgBouncer and wait until it answers.

        Raises:
            StackError: PgBouncer did not start. The message has the end of its log.
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
        """End PgBouncer at once, even if clients are using it. It may be stopped already."""
        if self._part is not None:
            self._part.stop()
            self._part = None
