"""What a session of ten pages costs, in counts that are the same on every machine."""

from __future__ import annotations

from io import StringIO
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from rich.console import Console

from evaluation.clock import START
from evaluation.speed.sessions import measure, opened, table
from local.catalogue import seed

if TYPE_CHECKING:
    from evaluation.handler import Backend

WATCHED, SKIPPED = "two minutes a page", "ten pages at once"


@pytest.fixture(scope="module")
def sessions(backend: Backend) -> dict[str, dict[str, float]]:
    seed(backend.admin_url, posts=1_500, now=START)
    return measure(backend, viewers=1)


def test_a_session_that_is_watched_costs_half_of_one_that_ranks_for_each_page(
    sessions: dict[str, dict[str, float]],
) -> None:
    watched = sessions[WATCHED]
    assert watched["hits_after_first"] == 1.0
    assert watched["rankings_per_page"] <= 1.1
    assert watched["later_bytes"] <= 3 * 1024
    assert watched["write_units"] <= 38


def test_a_viewer_who_skips_gets_a_longer_queue(sessions: dict[str, dict[str, float]]) -> None:
    skipped = sessions[SKIPPED]
    assert skipped["rankings"] == skipped["writes"] == 2
    assert skipped["hits"] == 8


def test_what_sessions_cost_is_laid_out(sessions: dict[str, dict[str, float]]) -> None:
    console = Console(record=True, width=120, file=StringIO())
    console.print(table(sessions))
    text = console.export_text()
    assert WATCHED in text
    assert f"{sessions[WATCHED]['write_units']:.1f}" in text


def test_the_ids_of_sessions_are_drawn_from_the_seed(backend: Backend) -> None:
    """Exploration draws by them, and so do the sizes of queues and now and then the hits."""

    def session() -> str:
        ids = Random(1)  # noqa: S311  # no secret
        viewer = UUID(int=ids.getrandbits(128), version=4)
        with opened(backend, ids) as (handler, _):
            return str(handler.call("GET", "/v1/feed", viewer)["session_id"])

    assert session() == session()
