from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import PostgresServer


@pytest.fixture
def empty_database(postgres: PostgresServer) -> Iterator[str]:
    """Return the URL of a database without anything in it."""
    name = f"vroom_test_adopt_{secrets.token_hex(6)}"
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        )
    yield postgres.url(name)
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
