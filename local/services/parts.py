"""How each part of the stack is started."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

import httpx
import psycopg

from local.errors import StackError
from local.migrate import derived_passwords, migrate, prepare_roles
from local.services.aws import aws_environment
from local.services.dynamodb import dynamodb_client, ensure_table
from local.services.processes import HOST, Part, free_port, part_environment, supervised
from local.state import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from local.gateway.app import GatewayConfig
    from local.gateway.template import Template


_CLIPS_AT_ONCE = 2


def listen(port: int, host: str = HOST) -> socket.socket:
    """The gateway's socket, opened first: a busy port then shows before anything is started.

    Args:
        port: its port; 0 takes a free one.
        host: an address of this machine; `0.0.0.0` or `::` listens on all of them.

    Raises:
        StackError: the port is taken, or not for us, or this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except PermissionError as error:
        raise StackError(f"Port {port} needs more rights: choose another PORT") from error
    except OSError as error:
        # Negative numbers are those of the resolver.
        if error.errno == errno.EADDRNOTAVAIL or (error.errno or 0) < 0:
            raise StackError(f"HOST={host} is no address of this machine") from error
        if error.errno != errno.EADDRINUSE:
            raise
        raise StackError(f"Port {port} is busy: choose another PORT") from error


def base_url(listener: socket.socket) -> str:
    """The URL by which this machine reaches a socket of `listen`."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  (compared, not bound)
        host = HOST
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def prepare_database(
    admin_url: str, migrations: Path, kept: Mapping[str, str], *, own: bool
) -> dict[str, str]:
    """Brings a database up to date, and gives the functions' roles their passwords.

    Args:
        admin_url: as the owner of the schema.
        migrations: the folder of migrations.
        kept: the roles' passwords where the server is the stack's own, or the URL has none.
        own: whether the server is the stack's own.

    Returns:
        Role to the URL with which it connects.

    Raises:
        StackError: no connection, or the server refused.
    """
    try:
        migrate(admin_url, migrations)
        passwords = None if own else derived_passwords(admin_url)
        return prepare_roles(admin_url, passwords or kept)
    except psycopg.Error as error:
        raise StackError(f"The database could not be prepared: {error}") from error


def prepare_table(template: Template, name: str, endpoint_url: str, *, own: bool) -> dict[str, str]:
    """Makes the template's table where it is missing.

    Args:
        template: has one table.
        name: the table's local name.
        endpoint_url: the DynamoDB.
        own: whether it is the stack's own.

    Returns:
        The AWS variables with which functions call DynamoDB.
    """
    environment = aws_environment(own_endpoint=own)
    client = dynamodb_client(endpoint_url, environment)
    for definition in template.tables.values():
        ensure_table(client, name, definition)
    client.close()
    return environment


def start_mux(state_dir: Path, log: Path, secrets: Mapping[str, str], webhook_url: str) -> Part:
    """Starts the Mux stand-in; `wait_ready` of what is returned gives its URL.

    Args:
        state_dir: where it keeps its files.
        log: its log.
        secrets: MUX_TOKEN_ID, MUX_TOKEN_SECRET and MUX_WEBHOOK_SECRET.
        webhook_url: where it delivers webhooks.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.mux"]
    command += ["--port", str(free_port()), "--state-dir", str(state_dir)]
    own = {name: secrets[name] for name in ("MUX_TOKEN_ID", "MUX_TOKEN_SECRET")}
    own["MUX_WEBHOOK_SECRET"] = first(secrets["MUX_WEBHOOK_SECRET"])
    own["MUX_WEBHOOK_URL"] = webhook_url
    return Part("mux", supervised(command), log=log, environment=part_environment(own))


def build_functions(cache: Path) -> str:
    """What `sam build` makes for this machine, from `cache` where nothing has changed.

    Raises:
        StackError: the build failed.
    """
    # Only the runs on the emulator need what builds.
    host = importlib.import_module("deploy.artifacts.host")
    try:
        return str(host.build(cache))
    except host.BuildError as error:
        raise StackError(str(error)) from error


def seed(admin_url: str, posts: int) -> None:
    """Puts a catalogue of so many posts into the database.

    Raises:
        StackError: the database refused.
    """
    # Only the runs that want a catalogue need what makes it.
    catalogue = importlib.import_module("local.catalogue")
    try:
        catalogue.seed(admin_url, posts=posts)
    except psycopg.Error as error:
        raise StackError(f"The catalogue could not be made: {error}") from error


def make_samples(mux_url: str, progress: Callable[[str], None]) -> None:
    """Let the Mux stand-in make the clips that the posts of the catalogue play.

    Args:
        mux_url: The stand-in.
        progress: Called with a short line for each clip.

    Raises:
        StackError: The stand-in did not make one.
    """
    with (
        httpx.Client(base_url=f"{mux_url}/control", timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(_CLIPS_AT_ONCE) as pool,
    ):
        try:
            clips = client.get("/samples").raise_for_status().json()
            answers = pool.map(lambda clip: client.post(f"/samples/{clip}"), clips)
            for number, answer in enumerate(answers, 1):
                answer.raise_for_status()
                progress(f"sample video {number} of {len(clips)}")
        except httpx.HTTPError as error:
            raise StackError(f"The sample videos could not be made: {error}") from error


def first(secret: str) -> str:
    """Of several comma-separated secrets, which are for rotation, the one that signs."""
    return secret.partition(",")[0].strip()


def has_mux() -> bool:
    """Whether the checkout has the Mux stand-in."""
    return importlib.util.find_spec("local.mux.__main__") is not None


def start_gateway(
    listener: socket.socket, config: GatewayConfig, *, run_dir: Path, base: Mapping[str, str]
) -> Part:
    """Starts the gateway, which starts the functions' workers.

    Args:
        listener: its socket; it may be closed here afterwards.
        config: what it serves.
        run_dir: the folder for its configuration file.
        base: the environment that it and all workers inherit.
    """
    file = run_dir / "gateway.json"
    write_private(file, json.dumps(asdict(config)))
    command = [sys.executable, "-m", "local.gateway", "--config", str(file)]
    return Part(
        "gateway",
        [*command, "--socket", str(listener.fileno())],
        log=run_dir / "logs" / "gateway.log",
        environment={**base, **_import_path()},
        pass_fds=(listener.fileno(),),
    )


def _import_path() -> dict[str, str]:
    return {k: v for k, v in part_environment().items() if k.startswith("PYTHON")}
