"""An embedded Postgres on 127.0.0.1, which is version 18 from a wheel or other given binaries."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
import psycopg

from local.errors import StackError
from local.services.pgwheel import EMBEDDED, ServerBinaries, pgexec
from local.services.processes import HOST, Part, free_port, part_environment, supervised
from local.services.system_user import system_user
from local.state import exclusive, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SUPERUSER = "postgres"
DATABASE = "vroom"

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "track_functions": "all",
    "track_io_timing": "on",
    "log_checkpoints": "off",
}
# These settings are for data that is thrown away. It survives a stop, but not a power failure.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# These settings are for a server that replicates to others and from others.
REPLICATING = {
    "wal_level": "logical",
    "max_replication_slots": "40",
    "max_wal_senders": "40",
    "max_worker_processes": "40",
    "max_logical_replication_workers": "30",
    "max_sync_workers_per_subscription": "4",
    # A server that comes back is found again within a second.
    "wal_retrieve_retry_interval": "500ms",
    "wal_receiver_status_interval": "1s",
}


@dataclass
class PostgresInstance:
    """A Postgres server of our own on one data directory.

    Attributes:
        data_dir: The data directory. The password and the lock file are beside it.
        port: The TCP port on 127.0.0.1, which a stop and a start do not change.
        durable: True where commits survive a power failure.
        log: The log file of the server.
        binaries: The programs of the server.
        settings: Settings of its own.
    """

    data_dir: Path
    port: int
    durable: bool
    log: Path
    binaries: ServerBinaries
    settings: Mapping[str, str]
    _password: str = field(repr=False)
    _user: str | None
    _part: Part | None = None

    @property
    def admin_url(self) -> str:
        """Return the superuser's URL of the database `vroom`."""
        return self.url(DATABASE)

    @property
    def running(self) -> bool:
        """Tell whether the server's process runs."""
        return self._part is not None and self._part.alive

    def ended(self) -> bool:
        """Tell whether the server's process ended without having been stopped."""
        return self._part is not None and not self._part.alive

    def url(self, database: str) -> str:
        """Return the superuser's URL of any database of this server."""
        return f"postgresql://{SUPERUSER}:{quote(self._password)}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, wait until it answers, and make the database `vroom` if it is missing.

        Raises:
            StackError: The server did not start. The message has the end of its log.
        """
        if self.running:
            return
        end_leftover_server(self.data_dir)
        chosen = SETTINGS | {"port": str(self.port)} | ({} if self.durable else FORGETFUL)
        chosen |= {**self.settings, "cluster_name": _cluster_name(self.data_dir)}
        options = [f"--{name}={value}" for name, value in chosen.items()]
        command = [str(self.binaries.folder / "postgres"), "-D", str(self.data_dir), *options]
        # SIGINT is Postgres's fast shutdown. It ends all sessions and leaves the data clean.
        self._part = Part(
            "postgres",
            supervised(command, user=self._user, stop_signal="SIGINT"),
            log=self.log,
            environment=_server_environment(),
        )
        try:
            self._wait_until_it_answers(self._part)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server by a fast shutdown. It may be stopped already."""
        if self._part is not None:
            self._part.stop()
            self._part = None

    def kill(self) -> None:
        """Kill the server and all of its sessions at once, as a crash does."""
        _kill_all(self.data_dir)
        self.stop()

    def _wait_until_it_answers(self, part: Part, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while part.alive and time.monotonic() < deadline:
            try:
                connection = psycopg.connect(self.url("postgres"), autocommit=True)
            except psycopg.OperationalError:
                time.sleep(0.05)
                continue
            with connection:
                # An open port proves nothing, because another server may have taken it meanwhile.
                row = connection.execute("SHOW data_directory").fetchone()
                if row is None or row[0] != str(self.data_dir):
                    break
                known = "SELECT 1 FROM pg_database WHERE datname = %s"
                if connection.execute(known, [DATABASE]).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
            return
        raise StackError(f"Postgres did not start.{part.log_tail()}")


@contextmanager
def embedded_postgres(
    data_dir: Path,
    *,
    durable: bool,
    log: Path | None = None,
    binaries: ServerBinaries = EMBEDDED,
    settings: Mapping[str, str] | None = None,
) -> Iterator[PostgresInstance]:
    """Run a Postgres server while the block runs.

    Postgres refuses to run as root. For root, the server runs as the system user that
    `local.services.system_user` provides.

    Args:
        data_dir: The data directory. It is made where it is missing, and its data is kept.
        durable: False trades safety against power failure for speed.
        log: The log file of the server. The default is `<data_dir>.log`.
        binaries: The programs of the server. The default is those of the wheel.
        settings: Settings of its own, by name.

    Raises:
        StackError: The server cannot start, or another process runs one on this directory.
    """
    data_dir = data_dir.resolve()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    lock = data_dir.with_name(f"{data_dir.name}.lock")
    with exclusive(lock, taken=f"Another process runs Postgres on {data_dir}"):
        user = system_user(binaries.folder, data_dir)
        password_file = data_dir.with_name(f"{data_dir.name}.password")
        _ensure_data_directory(data_dir, password_file, user, binaries, durable=durable)
        instance = PostgresInstance(
            data_dir=data_dir,
            port=free_port(),
            durable=durable,
            log=log or data_dir.with_name(f"{data_dir.name}.log"),
            binaries=binaries,
            settings=settings or {},
            _password=password_file.read_text(encoding="utf-8"),
            _user=user,
        )
        try:
            instance.start()
            yield instance
        finally:
            instance.stop()


def end_leftover_server(data_dir: Path, seconds: float = 10.0) -> None:
    """End the server that a killed run may have left on a data directory, or what is left of it."""
    family = _family(data_dir)
    if family and family[0].pid == _postmaster_pid(data_dir):
        with suppress(psutil.NoSuchProcess):
            family[0].send_signal(signal.SIGINT)
        psutil.wait_procs(family, seconds)
    _kill_all(data_dir)


def _kill_all(data_dir: Path) -> None:
    """Kill the processes of the server on a data directory until none is left.

    A postmaster makes a process for each connection. It may make one after the processes were
    listed, and that one outlives it. A new server does not start on the directory before all have
    ended.
    """
    while family := _family(data_dir):
        for process in family:  # the first is the postmaster, which would start its children anew
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, 0.1)


def _family(data_dir: Path) -> list[psutil.Process]:
    """Return the processes of the server on a data directory, the postmaster first.

    They are known by their command lines, which everybody may read. Children of a postmaster that
    has ended are found, too, although they are nobody's children any more.
    """
    title, family = f"postgres: {_cluster_name(data_dir)}: ", []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it may end meanwhile, or be hidden from us
            words = process.cmdline()
            if process.name() == "postgres" and (
                str(data_dir) in words or " ".join(words).startswith(title)
            ):
                family.append(process)
    postmaster = _postmaster_pid(data_dir)
    return sorted(family, key=lambda process: process.pid != postmaster)


def _cluster_name(data_dir: Path) -> str:
    """Return a name of the server on a data directory, which all its processes show."""
    return f"vroom-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}"


def _postmaster_pid(data_dir: Path) -> int | None:
    """Return the process id that the last postmaster on a data directory has noted there."""
    try:
        return int((data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _ensure_data_directory(
    data_dir: Path,
    password_file: Path,
    user: str | None,
    binaries: ServerBinaries,
    *,
    durable: bool,
) -> None:
    if (data_dir / "PG_VERSION").exists():
        if not password_file.exists():
            raise StackError(f"{password_file} is gone: remove {data_dir} to begin anew")
        version = (data_dir / "PG_VERSION").read_text(encoding="utf-8").strip()
        if version != str(binaries.version):
            raise StackError(
                f"{data_dir} is of Postgres {version}, not {binaries.version}: remove it"
            )
        return
    # A run that is killed in the middle must not leave half a directory under the final name.
    unfinished = data_dir.with_name(f"{data_dir.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    write_private(password_file, secrets.token_urlsafe(32))
    if user is not None:
        shutil.chown(unfinished, user, user)
        shutil.chown(password_file, user, user)
    arguments = [
        *("-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password_file}"),
        "--auth=scram-sha-256",
        *binaries.locale_arguments,
        *([] if durable else ["--no-sync"]),
    ]
    as_user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    try:
        pgexec(
            "initdb",
            arguments,
            binaries.folder,
            cwd=unfinished,
            env=_server_environment(),
            start_new_session=True,
            **as_user,
        )
    except (subprocess.CalledProcessError, OSError) as error:
        raise StackError(f"initdb failed for {data_dir}: {error}") from error
    unfinished.rename(data_dir)


def _server_environment() -> dict[str, str]:
    environment = {k: v for k, v in part_environment().items() if not k.startswith("PG")}
    return environment | {"LC_ALL": "C", "HOME": os.devnull}
