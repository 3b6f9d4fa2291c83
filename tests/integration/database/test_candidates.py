from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Database
from tests.integration.database.catalogue import HISTORIES, PACES, candidates, load, make_world
from tests.integration.database.clients import Connection, operator
from tests.integration.database.reference import check

# (want, page_size): as few as can be, a page, the queue, and more than most catalogues hold.
ASKED = [(1, 1), (12, 12), (13, 1), (50, 50), (200, 12), (200, 50), (4000, 12)]


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[Connection]:
    """The operator's; a little catalogue makes every plan, so the plans do not age with it."""
    with operator(module_database.admin_url) as open_connection:
        yield open_connection


@settings(max_examples=60)
@given(
    size=st.sampled_from([0, 1, 2, 11, 12, 13, 23, 24, 25, 60, 150, 300]),
    history=st.sampled_from(sorted(HISTORIES)),
    pace=st.sampled_from(sorted(PACES)),
    seed=st.integers(0, 2**32),
    asked=st.lists(st.sampled_from(ASKED), min_size=1, max_size=3, unique=True),
)
def test_candidates_are_what_a_look_at_every_post_finds(
    connection: Connection,
    size: int,
    history: str,
    pace: str,
    seed: int,
    asked: list[tuple[int, int]],
) -> None:
    world = make_world(Random(seed), size, history, pace)  # noqa: S311  (no secret)
    load(connection, world)
    for want, page_size in asked:
        # A short walk brings small catalogues to the stages behind the walks.
        for walk in (5, 20, 500):
            rows = candidates(connection, world, want=want, page_size=page_size, walk=walk)
            check(world, rows, want=want, page_size=page_size)


@pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 23, 24, 25, 300, 3000])
@pytest.mark.parametrize("history", HISTORIES)
def test_candidates_are_right_for_every_size_of_catalogue_and_every_history(
    connection: Connection, size: int, history: str
) -> None:
    for pace in PACES:
        world = make_world(Random(f"{size} {history} {pace}"), size, history, pace)  # noqa: S311  (no secret)
        load(connection, world)
        for want, page_size in [(50, 50), (200, 12)]:
            for walk in (20, 500):
                rows = candidates(connection, world, want=want, page_size=page_size, walk=walk)
                check(world, rows, want=want, page_size=page_size)
