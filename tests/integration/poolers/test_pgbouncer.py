"""The functions behind PgBouncer in transaction mode, with fewer connections than clients."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.errors import DatabaseUnavailableError
from shared.postgres import Postgres, Statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from local.services.pgbouncer import PgBouncer
    from tests.conftest import Database

    Start = Callable[[int], AbstractContextManager[PgBouncer]]

ROUNDS = 2_000
# An unqualified name, the viewer by the claims, and how much of others' rows can be seen.
WHO = Statement(
    b"SELECT auth.uid(), (SELECT count(*) FROM feed_pages), pg_backend_pid(),"
    b" current_setting('request.jwt.claims', true)"
)
LEFT_BEHIND = b"""
SELECT set_config('search_path', '', false), set_config('row_security', 'off', false),
       set_config('request.jwt.claims', '{"sub": "11111111-1111-4111-8111-111111111111"}', false),
       set_config('statement_timeout', '0', false)
"""


def ask(client: Postgres, viewer: UUID | None, *, budget_s: float = 4.0) -> tuple[Any, ...]:
    first, second = client.run(WHO, WHO, viewer=viewer, budget_s=budget_s)
    assert first == second
    (row,) = first
    assert row[0] == viewer, "the claims are those of this request"
    assert row[1] == 0
    return tuple(row)


@pytest.mark.parametrize("pool_size", [1, 2])
def test_clients_take_turns_for_thousands_of_rounds_and_none_waits_for_an_idle_one(
    pooler: Start, pool_size: int
) -> None:
    """A connection that stays bound to an idle client would keep the others until the budget."""
    with pooler(pool_size) as running:
        clients = [Postgres(running.url("vroom_app")) for _ in range(pool_size + 1)]
        viewers = [uuid4() for _ in clients]
        backends = set()
        for turn in range(ROUNDS):
            which = turn % len(clients)
            backends.add(ask(clients[which], viewers[which] if turn % 5 else None)[2])
        assert len(backends) <= pool_size
        for client in clients:
            client.close()


def test_clients_at_once_get_their_own_claims(pooler: Start) -> None:
    wrong: list[BaseException] = []

    def scroll(client: Postgres) -> None:
        viewer = uuid4()
        try:
            for _ in range(200):
                ask(client, viewer)
        except BaseException as error:  # noqa: BLE001  # told to the test's own thread
            wrong.append(error)
        finally:
            client.close()

    with pooler(2) as running:
        clients = [Postgres(running.url("vroom_app")) for _ in range(6)]
        threads = [threading.Thread(target=scroll, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_what_others_leave_on_the_connection_does_no_harm_and_nothing_of_ours_stays(
    pooler: Start,
) -> None:
    """pg_dump sets search_path and row_security for its session; so does this neighbour."""
    with pooler(1) as running:
        client, viewer = Postgres(running.url("vroom_app")), uuid4()
        with psycopg.connect(running.url("vroom_app"), autocommit=True) as neighbour:
            for _ in range(20):
                neighbour.execute(LEFT_BEHIND)
                left = ask(client, viewer)
                row = neighbour.execute(
                    "SELECT pg_backend_pid(), current_setting('request.jwt.claims'),"
                    " current_setting('search_path'), current_setting('statement_timeout')"
                ).fetchone()
                assert row
                assert row[0] == left[2], "it was the same server connection"
                assert "11111111" in row[1]
                assert row[2:] == ("", "0")
        client.close()


def test_an_error_leaves_the_connection_to_the_next_client(pooler: Start) -> None:
    with pooler(1) as running:
        first, second = (Postgres(running.url("vroom_app")) for _ in range(2))
        for _ in range(50):
            with pytest.raises(psycopg.errors.DivisionByZero):
                first.run(Statement(b"SELECT 1 / 0"), WHO, viewer=uuid4(), budget_s=4.0)
            ask(second, uuid4())
        first.close()
        second.close()


def test_a_client_that_gave_up_blocks_nobody_for_longer_than_its_budget(
    pooler: Start, database: Database
) -> None:
    with pooler(1) as running, psycopg.connect(database.admin_url) as admin:
        first, second = (Postgres(running.url("vroom_app")) for _ in range(2))
        admin.execute("LOCK TABLE feed_pages IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailableError):
            first.run(WHO, viewer=uuid4(), budget_s=0.2)
        admin.rollback()
        ask(second, uuid4())
        first.close()
        second.close()


def test_servers_that_are_ended_are_replaced_without_anybody_noticing(
    pooler: Start, database: Database
) -> None:
    with (
        pooler(2) as running,
        psycopg.connect(database.admin_url, autocommit=True) as admin,
    ):
        clients = [Postgres(running.url("vroom_app")) for _ in range(3)]
        for turn in range(60):
            backend = ask(clients[turn % 3], uuid4())[2]
            if turn % 7 == 0:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
        for client in clients:
            client.close()


def test_a_pooler_that_is_gone_counts_as_postgres_gone_until_it_is_back(pooler: Start) -> None:
    with pooler(1) as running:
        client = Postgres(running.url("vroom_app"))
        ask(client, uuid4())
        running.stop()
        for _ in range(2):
            with pytest.raises(DatabaseUnavailableError):
                ask(client, uuid4())
        running.start()
        ask(client, uuid4())
        client.close()
