"""The servers that are measured, which are an embedded Postgres and a stand-in for DynamoDB.

The stand-in is moto's server, or the one whose address DYNAMODB_ENDPOINT_URL gives.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

from local.gateway.template import load_template
from local.migrate import ROLES
from local.paths import TEMPLATE
from local.services.dynamodb import DynamoDbServer
from local.services.parts import prepare_table
from local.services.postgres import embedded_postgres
from local.state import lasting_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.services.postgres import PostgresInstance

TABLE = "vroom-bench-sessions"


@dataclass(frozen=True, slots=True)
class Servers:
    """The running servers.

    Attributes:
        postgres: The server of the data sets.
        passwords: The passwords of the roles with which functions connect.
        dynamodb_url: The endpoint of DynamoDB.
        environment: The variables that functions need in addition to DATABASE_URL.
    """

    postgres: PostgresInstance
    passwords: dict[str, str]
    dynamodb_url: str
    environment: dict[str, str]


@contextmanager
def run_postgres(folder: Path, *, durable: bool) -> Iterator[PostgresInstance]:
    """Run Postgres on the benchmark's data. Commits wait for the disk if `durable` is true."""
    with embedded_postgres(folder / "postgres", durable=durable) as server:
        yield server


@contextmanager
def run_servers(folder: Path) -> Iterator[Servers]:
    """Run both servers while the block runs, as `make dev` does. os.environ names them."""
    with run_dynamodb(folder) as dynamodb:
        secrets = lasting_secrets(folder / "secrets.json", ("CURSOR_SECRET", "MUX_WEBHOOK_SECRET"))
        environment = {
            **dynamodb,
            **secrets,
            "MUX_TOKEN_ID": "bench",
            "MUX_TOKEN_SECRET": "bench",
            "POWERTOOLS_METRICS_NAMESPACE": "VroomFeed",
            "POWERTOOLS_SERVICE_NAME": "bench",
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
        with run_postgres(folder, durable=True) as postgres, patch.dict(os.environ, environment):
            url = environment["DYNAMODB_ENDPOINT_URL"]
            yield Servers(postgres, role_passwords(folder), url, environment)


@contextmanager
def run_dynamodb(folder: Path) -> Iterator[dict[str, str]]:
    """Run a stand-in for DynamoDB while the block runs, unless one is given.

    Yields:
        The variables with which functions find it and the table, which is there.
    """
    given = os.environ.get("DYNAMODB_ENDPOINT_URL")
    with ExitStack() as stack:
        url = given or stack.enter_context(_own_dynamodb(folder))
        aws = prepare_table(load_template(TEMPLATE, {}), TABLE, url, own=given is None)
        yield {**aws, "SESSION_TABLE": TABLE, "DYNAMODB_ENDPOINT_URL": url}


@contextmanager
def _own_dynamodb(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    server = DynamoDbServer(folder / "dynamodb.log")
    try:
        server.wait_ready()
        yield server.url
    finally:
        server.close()


def role_passwords(folder: Path) -> dict[str, str]:
    """Return the passwords of the roles, which are the same in every run."""
    return lasting_secrets(folder / "roles.json", ROLES)
