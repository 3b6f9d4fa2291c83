"""Postgres and DynamoDB for the tests.

Embedded, or those of DATABASE_URL and DYNAMODB_ENDPOINT_URL where they are given. On a given
server the tests make and drop databases and tables of their own, and give the roles vroom_app and
vroom_webhook the passwords that `make dev` gives them there.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg
import pytest
from psycopg import sql

from local.gateway.template import load_template
from local.migrate import ROLES, derived_passwords, migrate, prepare_roles, with_user
from local.paths import TEMPLATE
from local.services.aws import aws_environment
from local.services.dynamodb import DynamoDbServer, dynamodb_client, ensure_table
from local.services.postgres import embedded_postgres
from local.state import lasting_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

hypothesis.settings.register_profile("ci", deadline=None, derandomize=False, print_blob=True)
hypothesis.settings.register_profile(
    "quick", hypothesis.settings.get_profile("ci"), max_examples=20
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@dataclass(frozen=True)
class PostgresServer:
    """A server on which the tests may make databases."""

    admin_url: str

    def url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))


@dataclass(frozen=True)
class MigratedTemplate:
    """A migrated database to copy, and the roles' passwords."""

    server: PostgresServer
    name: str
    passwords: dict[str, str]


@dataclass(frozen=True)
class Database:
    """A database of a test's own, with the whole schema.

    Attributes:
        name: its name.
        admin_url: as the owner of the schema.
        app_url: as `vroom_app`.
        webhook_url: as `vroom_webhook`.
    """

    name: str
    admin_url: str
    app_url: str
    webhook_url: str


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder that another system user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="vroom-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[PostgresServer]:
    given = os.environ.get("DATABASE_URL")
    if given:
        yield PostgresServer(given)
        return
    with embedded_postgres(scratch / "postgres", durable=False) as server:
        yield PostgresServer(server.admin_url)


@pytest.fixture(scope="session")
def migrated_template(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MigratedTemplate]:
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    # Roles belong to the server, which the workers of one run may share.
    with _scratch_database(postgres, "template") as name, (shared / "roles.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        drawn = lasting_secrets(shared / "roles.json", ROLES)
        passwords = derived_passwords(postgres.admin_url) or drawn
        migrate(postgres.url(name))
        prepare_roles(postgres.url(name), passwords)
        fcntl.flock(lock, fcntl.LOCK_UN)
        yield MigratedTemplate(postgres, name, passwords)


@pytest.fixture
def database(migrated_template: MigratedTemplate) -> Iterator[Database]:
    """An empty, migrated database for one test."""
    with copy_of(migrated_template) as copy:
        yield copy


@pytest.fixture(scope="module")
def module_database(migrated_template: MigratedTemplate) -> Iterator[Database]:
    """An empty, migrated database for the tests of one module together."""
    with copy_of(migrated_template) as copy:
        yield copy


@pytest.fixture(scope="session")
def dynamodb_endpoint(scratch: Path) -> Iterator[str]:
    """The DynamoDB endpoint; AWS credentials that it takes are in the environment."""
    given = os.environ.get("DYNAMODB_ENDPOINT_URL")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws_environment(own_endpoint=not given).items():
            patch.setenv(name, value)
        if given:
            yield given
            return
        server = DynamoDbServer(scratch / "dynamodb.log")
        try:
            server.wait_ready()
            yield server.url
        finally:
            server.close()


@pytest.fixture(scope="session")
def dynamodb(dynamodb_endpoint: str) -> Iterator[DynamoDBClient]:
    """A client for the endpoint."""
    own = not os.environ.get("DYNAMODB_ENDPOINT_URL")
    client = dynamodb_client(dynamodb_endpoint, aws_environment(own_endpoint=own))
    yield client
    client.close()


@pytest.fixture
def session_table(dynamodb: DynamoDBClient) -> Iterator[str]:
    """The name of an empty session table for one test."""
    with _table(dynamodb) as name:
        yield name


@pytest.fixture(scope="module")
def module_session_table(dynamodb: DynamoDBClient) -> Iterator[str]:
    """The name of a session table for the tests of one module together."""
    with _table(dynamodb) as name:
        yield name


@contextmanager
def _scratch_database(
    server: PostgresServer, kind: str, template: str | None = None
) -> Iterator[str]:
    name = f"vroom_test_{kind}_{secrets.token_hex(6)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute(create)
    try:
        yield name
    finally:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        with psycopg.connect(server.admin_url, autocommit=True) as connection:
            connection.execute(drop)


@contextmanager
def copy_of(template: MigratedTemplate) -> Iterator[Database]:
    """Make an empty, migrated database and drop it at the end."""
    with _scratch_database(template.server, "copy", template.name) as name:
        admin_url = template.server.url(name)
        urls = [with_user(admin_url, role, template.passwords[role]) for role in ROLES]
        yield Database(name, admin_url, *urls)


@contextmanager
def _table(client: DynamoDBClient) -> Iterator[str]:
    name = f"vroom-test-{secrets.token_hex(6)}"
    (definition,) = load_template(TEMPLATE, {}).tables.values()
    ensure_table(client, name, definition)
    try:
        yield name
    finally:
        client.delete_table(TableName=name)
