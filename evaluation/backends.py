"""Starts what the real feed needs: one Postgres for all worlds, a DynamoDB endpoint for each."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from evaluation.clock import install_clock
from evaluation.handler import Backend
from local.gateway.template import load_template
from local.migrate import ROLES, migrate, prepare_roles, with_user
from local.paths import TEMPLATE
from local.services.aws import aws_environment
from local.services.dynamodb import DynamoDbServer, dynamodb_client, ensure_table
from local.services.postgres import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPLATE = "vroom"  # migrated, with the simulated clock; every world gets a copy
_TABLE = "simulated-sessions"


@dataclass(frozen=True)
class Server:
    """A Postgres that holds the migrated template.

    Attributes:
        admin_url: The superuser's URL of the template.
        app_password: Of the role `vroom_app`.
        folder: For logs.
    """

    admin_url: str
    app_password: str
    folder: Path


@contextmanager
def server() -> Iterator[Server]:
    """Run an embedded Postgres with the schema and the simulated clock while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="vroom-simulated-"))
    try:
        with embedded_postgres(folder / "postgres", durable=False) as instance:
            migrate(instance.admin_url)
            passwords = {role: secrets.token_urlsafe(16) for role in ROLES}
            prepare_roles(instance.admin_url, passwords)
            install_clock(instance.admin_url)
            yield Server(instance.admin_url, passwords["vroom_app"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def backend(host: Server, name: str) -> Iterator[Backend]:
    """A database and a table of one world's own while the block runs.

    Args:
        host: Where the database is made.
        name: Its name.
    """
    maintenance = host.admin_url.rpartition("/")[0] + "/postgres"
    identifier = sql.Identifier(name)
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(identifier, sql.Identifier(_TEMPLATE))
        )
        # A copy does not inherit the template's settings.
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = simulated, pg_catalog, public").format(
                identifier
            )
        )
    admin_url = host.admin_url.rpartition("/")[0] + f"/{name}"
    dynamodb = DynamoDbServer(host.folder / f"{name}.dynamodb.log")
    try:
        dynamodb.wait_ready()
        environment = aws_environment(own_endpoint=True)
        client = dynamodb_client(dynamodb.url, environment)
        (definition,) = load_template(TEMPLATE, {}).tables.values()
        ensure_table(client, _TABLE, definition)
        client.close()
        yield Backend(
            admin_url=admin_url,
            app_url=with_user(admin_url, "vroom_app", host.app_password),
            dynamodb_endpoint_url=dynamodb.url,
            session_table=_TABLE,
            environment=environment,
        )
    finally:
        dynamodb.close()
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
