"""What operators cannot write, since no function could read it or no index hold it."""

import uuid
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.errors import CheckViolation

from tests.conftest import Database
from tests.integration.database.clients import Connection, operator

POST: LiteralString = (
    "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, {column})"
    " VALUES (gen_random_uuid(), gen_random_uuid(), true, 'p', %s)"
)
UNREADABLE = ["infinity", "-infinity", "4713-01-01 BC", "10000-01-01", "290000-01-01"]


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[Connection]:
    with operator(module_database.admin_url) as open_connection:
        yield open_connection


def insert(connection: Connection, column: str, value: object) -> None:
    statement = psycopg.sql.SQL(POST).format(column=psycopg.sql.Identifier(column))
    connection.execute(statement, [value])


@pytest.mark.parametrize("column", ["created_at", "published_at"])
@pytest.mark.parametrize("at", UNREADABLE)
def test_a_time_that_no_function_can_read_is_refused(
    connection: Connection, column: str, at: str
) -> None:
    with pytest.raises(CheckViolation):
        insert(connection, column, at)


@pytest.mark.parametrize("at", ["0001-01-02 00:00:00+00", "9999-12-30 23:59:59.999999+00"])
def test_every_other_time_can_be_read(connection: Connection, at: str) -> None:
    insert(connection, "created_at", at)
    rows: list[Any] = connection.execute("SELECT created_at FROM posts").fetchall()
    assert rows


@pytest.mark.parametrize("at", ["infinity", "-infinity"])
def test_an_impression_has_a_time(connection: Connection, at: str) -> None:
    with pytest.raises(CheckViolation):
        connection.execute(
            "INSERT INTO user_post_impressions (user_id, post_id, seen_at) VALUES (%s, %s, %s)",
            [uuid.uuid4(), uuid.uuid4(), at],
        )


def test_tags_are_as_long_as_an_index_holds(connection: Connection) -> None:
    insert(connection, "tags", ["é" * 200, "", "a"])
    with pytest.raises(CheckViolation):
        insert(connection, "tags", ["a", "é" * 200 + "a"])
