"""What counts as one round trip to Postgres is one on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from shared.postgres import Postgres, Statement
from tests.integration.evaluation.speed.relay import Relay, relay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

# More than one buffer of the server.
LARGE = b"SELECT repeat('x', 1000) FROM generate_series(1, 300)"


@pytest.fixture
def wire(database: Database) -> Iterator[tuple[Postgres, Relay]]:
    """The functions' access to Postgres, through a relay that counts."""
    url = urlsplit(database.app_url)
    with relay(url.hostname or "", url.port or 0) as counting:
        user = url.netloc.rpartition("@")[0]
        through = url._replace(netloc=f"{user}@127.0.0.1:{counting.port}")
        postgres = Postgres(urlunsplit(through))
        postgres.run(Statement(b"SELECT 1"), viewer=None, budget_s=5)
        yield postgres, counting
        postgres.close()


@pytest.mark.parametrize("statements", [1, 4])
def test_a_run_is_one_round_trip_however_many_statements_it_has(
    wire: tuple[Postgres, Relay], statements: int
) -> None:
    postgres, counting = wire
    before = counting.turns

    rows = postgres.run(*[Statement(LARGE)] * statements, viewer=uuid4(), budget_s=5)

    assert [len(each) for each in rows] == [300] * statements
    assert counting.turns - before == 1


def test_each_further_run_is_counted(wire: tuple[Postgres, Relay]) -> None:
    postgres, counting = wire
    before = counting.turns

    for _ in range(3):
        postgres.run(Statement(b"SELECT 1"), viewer=None, budget_s=5)

    assert counting.turns - before == 3
