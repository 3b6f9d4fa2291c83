"""The functions that start each part of the stack."""

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
    """Open the gateway's socket, before any other part is started.

    A port that is in use is then found before anything has been started.

    Args:
        port: The port. 0 takes a free one.
        host: An address of this machine. `0.0.0.0` or `::` listens on all of them.

    Raises:
        StackError: The port is taken or not allowed for us, or this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except PermissionError as error:
        raise StackError(f"Port {port} needs more rights: choose another PORT") from error
    except OSError as error:
        # The resolver's errors have negative numbers.
        if error.errno == errno.EADDRNOTAVAIL or (error.errno or 0) < 0:
            raise StackError(f"HOST={host} is no address of this machine") from error
        if error.errno != errno.EADDRINUSE:
            raise
        raise StackError(f"Port {port} is busy: choose another PORT") from error


def base_url(listener: socket.socket) -> str:
    """Return the URL by which this machine reaches a socket that `listen` opened."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  (compared, not bound)
        host = HOST
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def prepare_database(
    admin_url: str, migrations: Path, kept: Mapping[str, str], *, own: bool
) -> dict[str, str]:
    """Bring a database up to date, and give the functions' roles their passwords.

    Args:
        admin_url: The URL for the owner of the schema.
        migrations: The folder of the migrations.
        kept: The passwords of the roles, for a server of the stack's own or a URL without one.
        own: True where the server is the stack's own.

    Returns:
        The URL with which each role connects, by role.

    Raises:
        StackError: There was no connection, or the server refused a statement.
    """
    try:
        migrate(admin_url, migrations)
        passwords = None if own else derived_passwords(admin_url)
        return prepare_roles(admin_url, passwords or kept)
    except psycopg.Error as error:
        raise StackError(f"The database could not be prepared: {error}") from error


def prepare_table(template: Template, name: str, endpoint_url: str, *, own: bool) -> dict[str, str]:
    """Make the template's table where it is missing.

    Args:
        template: A template that has one table.
        name: The local name of the table.
        endpoint_url: The endpoint of DynamoDB.
        own: True where DynamoDB is the stack's own.

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
    """Start the Mux stand-in. `wait_ready` of the part that is returned gives its URL.

    Args:
        state_dir: The folder where it keeps its files.
        log: Its log file.
        secrets: The values of MUX_TOKEN_ID, MUX_TOKEN_SECRET and MUX_WEBHOOK_SECRET.
        webhook_url: The URL to which it delivers webhooks.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.mux"]
    command += ["--port", str(free_port()), "--state-dir", str(state_dir)]
    own = {name: secrets[name] for name in ("MUX_TOKEN_ID", "MUX_TOKEN_SECRET")}
    own["MUX_WEBHOOK_SECRET"] = first(secrets["MUX_WEBHOOK_SECRET"])
    own["MUX_WEBHOOK_URL"] = webhook_url
    return Part("mux", supervised(command), log=log, environment=part_environment(own))


def build_functions(cache: Path) -> str:
    """Return the folder that `sam build` made for this machine. It is in `cache` if it was built.

    Raises:
        StackError: The build failed.
    """
    # Only the runs on the emulator need the module that builds.
    host = importlib.import_module("deploy.artifacts.host")
    try:
        return str(host.build(cache))
    except host.BuildError as error:
        raise StackError(str(error)) from error


def seed(admin_url: str, posts: int) -> None:
    """Put a catalogue of so many posts into the database.

    Raises:
        StackError: The database refused the catalogue.
    """
    # Only the runs that want a catalogue need the module that makes it.
    catalogue = importlib.import_module("local.catalogue")
    try:
        catalogue.seed(admin_url, posts=posts)
    except psycopg.Error as error:
        raise StackError(f"The catalogue could not be made: {error}") from error


def make_samples(mux_url: str, progress: Callable[[str], None]) -> None:
    """Let the Mux stand-in make the clips that the posts of the catalogue play.

    Args:
        mux_url: The URL of the stand-in.
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
    """Return the secret that signs, which is the first of several for rotation."""
    return secret.partition(",")[0].strip()


def has_mux() -> bool:
    """Tell whether the checkout has the Mux stand-in."""
    return importlib.util.find_spec("local.mux.__main__") is not None


def start_gateway(
    listener: socket.socket, config: GatewayConfig, *, run_dir: Path, base: Mapping[str, str]
) -> Part:
    """Start the gateway, which starts the functions' workers.

    Args:
        listener: The socket of the gateway. The caller may close it afterwards.
        config: The configuration of the gateway.
        run_dir: The folder for its configuration file.
        base: The environment that it and all workers inherit.
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
