"""Passwords of the functions' roles are given where they are needed, without a failed login."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from local.migrate import ROLES, migrate, prepare_roles
from local.services.postgres import PostgresInstance, embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[PostgresInstance]:
    with embedded_postgres(scratch / "roles" / "postgres", durable=False) as running:
        migrate(running.admin_url)
        yield running


def verifiers(server: PostgresInstance) -> list[tuple[str]]:
    with psycopg.connect(server.admin_url) as connection:
        query = "SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'vroom%' ORDER BY rolname"
        return connection.execute(query).fetchall()


def test_roles_get_a_password_once_and_another_only_where_it_differs(
    server: PostgresInstance,
) -> None:
    started = server.log.read_text(encoding="utf-8")  # it refuses whoever looks before it is ready
    first = dict.fromkeys(ROLES, "first-password")
    for url in prepare_roles(server.admin_url, first).values():
        psycopg.connect(url).close()
    given = verifiers(server)
    prepare_roles(server.admin_url, first)
    assert verifiers(server) == given
    for url in prepare_roles(server.admin_url, dict.fromkeys(ROLES, "second")).values():
        psycopg.connect(url).close()
    assert verifiers(server) != given
    assert "FATAL" not in server.log.read_text(encoding="utf-8").removeprefix(started)
