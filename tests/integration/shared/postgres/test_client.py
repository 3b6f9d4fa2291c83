"""What callers get of Postgres when it answers, when it refuses, and when it does not answer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.errors import DatabaseUnavailableError
from shared.postgres import Postgres, SchemaMismatchError, Statement
from shared.postgres.breaker import Breaker
from shared.postgres.faults import FAULTS, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

BACKEND = Statement(b"SELECT pg_backend_pid()")
READ_ONLY = Statement(b"SELECT set_config('default_transaction_read_only', 'on', false)")
WRITE = Statement(b"INSERT INTO notes VALUES (%(text)s) RETURNING text", {"text": "there"})


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The owner, with a table that the functions' role may write, and a function that raises."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (text text)")
        connection.execute("GRANT ALL ON notes TO vroom_app")
        connection.execute(
            "CREATE FUNCTION raise_state(state text) RETURNS void LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = state; END $$"
        )
        yield connection


@pytest.fixture
def client(database: Database, admin: psycopg.Connection[Any]) -> Iterator[Postgres]:
    assert not admin.closed
    # The breaker's clock stands still: its pause does not end while a busy machine is slow.
    opened = Postgres(database.app_url, breaker=Breaker(lambda: 0.0))
    yield opened
    opened.close()


def run(postgres: Postgres, *statements: Statement, viewer: UUID | None = None) -> list[Any]:
    return postgres.run(*statements, viewer=viewer, budget_s=4.0)


def backend(postgres: Postgres) -> int:
    ((pid,),) = run(postgres, BACKEND)[0]
    return int(pid)


def raising(state: str) -> Statement:
    return Statement(b"SELECT raise_state(%(state)s)", {"state": state})


def states() -> list[tuple[str, Fault]]:
    """A SQLSTATE for each row of the table: the code itself, or one of its class."""
    full = {"08": "08006", "28": "28P01", "3D": "3D000", "40": "40P01", "53": "53100"}
    full |= {"57": "57P03", "58": "58030", "F0": "F0000", "XX": "XX000"}
    return [(full.get(prefix, prefix), fault) for prefix, fault in FAULTS.items()]


@pytest.mark.parametrize(("state", "fault"), states())
def test_each_error_of_the_server_is_an_outage_and_heals(
    client: Postgres, state: str, fault: Fault
) -> None:
    before = backend(client)
    with pytest.raises(DatabaseUnavailableError) as refused:
        run(client, raising(state))
    assert refused.value.retry_after_s > 0
    if fault is Fault.SLOW:
        with pytest.raises(DatabaseUnavailableError):  # the breaker
            run(client, BACKEND)
        assert client.run(BACKEND, viewer=None, budget_s=30.0), "patient work may try"
    after = backend(client)
    assert (after == before) == (fault is Fault.BUSY or state == "57014")


def test_an_error_of_the_statement_is_raised_as_it_is_and_the_connection_goes_on(
    client: Postgres,
) -> None:
    before = backend(client)
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(client, Statement(b"SELECT 1"), raising("23505"), Statement(b"SELECT 2"))
    assert backend(client) == before


def test_a_kept_connection_to_a_server_turned_read_only_is_replaced_within_the_request(
    client: Postgres,
) -> None:
    before = backend(client)
    run(client, READ_ONLY)
    assert run(client, WRITE) == [[("there",)]]
    assert backend(client) != before


def test_a_connection_that_the_server_ended_is_replaced_within_the_request(
    client: Postgres, admin: psycopg.Connection[Any]
) -> None:
    before = backend(client)
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    assert run(client, WRITE) == [[("there",)]]
    assert backend(client) != before


def test_what_fails_at_the_commit_is_not_taken_for_committed(
    client: Postgres, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("CREATE TABLE owners (id integer PRIMARY KEY)")
    admin.execute(
        "CREATE TABLE things (owner integer REFERENCES owners DEFERRABLE INITIALLY DEFERRED)"
    )
    admin.execute("GRANT ALL ON owners, things TO vroom_app")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run(client, Statement(b"INSERT INTO things VALUES (1) RETURNING owner"))
    assert admin.execute("SELECT count(*) FROM things").fetchone() == (0,)
    assert run(client, WRITE) == [[("there",)]]


def test_an_error_takes_back_what_the_same_run_had_written(
    client: Postgres, admin: psycopg.Connection[Any]
) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(client, WRITE, raising("23505"))
    assert admin.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_two_that_wait_for_one_another_are_both_served(
    client: Postgres, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("CREATE SEQUENCE tries")
    admin.execute("GRANT ALL ON SEQUENCE tries TO vroom_app")
    admin.execute(
        "CREATE FUNCTION at_the_second_try() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('tries') = 1 THEN RAISE deadlock_detected; END IF; RETURN 'done'; END $$"
    )
    assert run(client, Statement(b"SELECT at_the_second_try()")) == [[("done",)]]


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_what_is_sent_comes_back_whole_however_large(client: Postgres, size: int) -> None:
    """Both sides' buffers fill up: neither may wait for the other to read."""
    text = "x" * size
    echo = Statement(b"SELECT %(text)s::text, %(id)s::uuid", {"text": text, "id": UUID(int=5)})
    assert run(client, *[echo] * 4) == [[(text, UUID(int=5))]] * 4


@pytest.mark.parametrize("count", [0, 1, 100])
def test_lists_come_back_as_they_were_sent(client: Postgres, count: int) -> None:
    sent = {
        "ids": [uuid4() for _ in range(count)],
        "texts": ['of "two", {words}', ""] * count,
        "numbers": list(range(count)),
    }
    echo = Statement(b"SELECT %(ids)s::uuid[], %(texts)s::text[], %(numbers)s::integer[]", sent)
    assert run(client, echo) == [[tuple(sent.values())]]


def test_claims_and_timeout_hold_for_one_transaction(client: Postgres) -> None:
    viewer = uuid4()
    seen = Statement(b"SELECT auth.uid(), current_setting('statement_timeout')")
    assert run(client, seen, viewer=viewer) == [[(viewer, "3600ms")]]
    assert run(client, seen) == [[(None, "3600ms")]]
    left = Statement(b"SELECT current_setting('request.jwt.claims', true)")
    assert run(client, left) == [[("",)]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("search_path", ""),
        ("row_security", "off"),
        ("statement_timeout", "20"),
        ("request.jwt.claims", '{"sub": "00000000-0000-4000-8000-000000000001"}'),
        ("request.jwt.claim.sub", "00000000-0000-4000-8000-000000000001"),
    ],
)
def test_what_others_left_on_the_connection_does_no_harm(
    client: Postgres, name: str, value: str
) -> None:
    viewer = uuid4()
    leave = Statement(
        b"SELECT set_config(%(name)s, %(value)s, false)", {"name": name, "value": value}
    )
    read = Statement(b"SELECT auth.uid(), count(*) FROM feed_pages, pg_sleep(0.1)")
    run(client, leave)
    assert run(client, read, viewer=viewer) == [[(viewer, 0)]]
    assert run(client, read) == [[(None, 0)]]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def test_while_the_server_hangs_the_second_call_knows(silent_port: int) -> None:
    now = [100.0]
    breaker = Breaker(lambda: now[0])
    url = f"postgresql://vroom_app@127.0.0.1:{silent_port}/vroom"
    postgres = Postgres(url, breaker=breaker)
    with pytest.raises(DatabaseUnavailableError) as first:
        postgres.run(BACKEND, viewer=None, budget_s=0.1)
    assert isinstance(first.value.__cause__, psycopg.errors.ConnectionTimeout)
    with pytest.raises(DatabaseUnavailableError) as second:
        postgres.run(BACKEND, viewer=None, budget_s=0.1)
    assert second.value.__cause__ is None, "nothing was tried"


def test_a_server_that_hung_is_found_again_after_the_pause(
    database: Database, admin: psycopg.Connection[Any]
) -> None:
    now = [100.0]
    postgres = Postgres(database.app_url, breaker=Breaker(lambda: now[0]))
    backend(postgres)
    with admin.transaction():
        admin.execute("LOCK TABLE notes")
        with pytest.raises(DatabaseUnavailableError):
            postgres.run(WRITE, viewer=None, budget_s=0.1)
        with pytest.raises(DatabaseUnavailableError):
            postgres.run(BACKEND, viewer=None, budget_s=0.1)
    now[0] += 1.0
    assert run(postgres, WRITE) == [[("there",)]]
    assert backend(postgres)
    postgres.close()


def test_a_refused_connection_costs_no_time_and_opens_no_breaker() -> None:
    postgres = Postgres("postgresql://vroom_app@127.0.0.1:9/vroom")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError) as refused:
            run(postgres, BACKEND)
        assert isinstance(refused.value.__cause__, psycopg.OperationalError)


def test_the_schema_s_version_is_asked_for_once(database: Database) -> None:
    postgres = Postgres(database.app_url, check_schema=True)
    assert run(postgres, Statement(b"SELECT 1"), Statement(b"SELECT 2")) == [[(1,)], [(2,)]]
    assert run(postgres, Statement(b"SELECT 3")) == [[(3,)]]
    postgres.close()


def versions(version: int, oldest_code: int) -> str:
    return (
        "CREATE OR REPLACE FUNCTION feed_schema_version(OUT version integer,"
        f" OUT oldest_code integer) LANGUAGE sql AS 'SELECT {version}, {oldest_code}'"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DROP FUNCTION feed_schema_version()", "no schema of this feed"),
        (versions(0, 0), "schema version 0"),
        (versions(9, 9), "serves code from version 9 on"),
    ],
)
@pytest.mark.parametrize("sql", [b"SELECT 1", b"SELECT no_such_function()"])
def test_another_schema_is_a_503_that_says_which_until_it_is_the_right_one(
    database: Database, admin: psycopg.Connection[Any], change: str, reason: str, sql: bytes
) -> None:
    postgres = Postgres(database.app_url, check_schema=True)
    old = admin.execute("SELECT pg_get_functiondef('feed_schema_version'::regproc)").fetchone()
    assert old
    admin.execute(change.encode())
    for _ in range(2):
        with pytest.raises(SchemaMismatchError) as refused:
            run(postgres, Statement(sql))
        assert reason in " ".join(refused.value.__notes__)
    admin.execute(old[0].encode())
    admin.execute("GRANT EXECUTE ON FUNCTION feed_schema_version() TO vroom_app")
    assert run(postgres, Statement(b"SELECT 1")) == [[(1,)]]
    with pytest.raises(psycopg.errors.UndefinedFunction):
        run(postgres, Statement(b"SELECT no_such_function()"))
    postgres.close()
