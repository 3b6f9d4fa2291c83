"""History that is taken over while viewers watch."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

from ops.adopt.history import counts
from tests.integration.database.stopping import wait_or_end
from tests.integration.engagement.audience import watch
from tests.integration.ops.adopt.test_history import APP, adopt

if TYPE_CHECKING:
    import pytest


def test_a_watch_of_a_post_whose_like_is_being_taken_over_is_recorded(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    absorb = counts.absorb
    watched: list[Future[psycopg.Cursor[Any]]] = []
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(empty_database, autocommit=True) as owner,
        psycopg.connect(empty_database, autocommit=True) as watching,
    ):
        owner.execute(APP)
        (viewer, post) = owner.execute("SELECT user_id, post_id FROM likes").fetchall()[0]

        def meanwhile(connection: psycopg.Connection[Any], after: int) -> None:
            """Let the viewer watch the post before the transaction that has its like commits."""
            if not watched:
                record = "SELECT outcome FROM record_watches(%s, %s)"
                batch = Jsonb([watch(post)])
                watched.append(pool.submit(watching.execute, record, [viewer, batch]))
                wait_or_end(owner, watching, watched[0])
            absorb(connection, after)

        monkeypatch.setattr(counts, "absorb", meanwhile)
        adopt(empty_database, LIKES="likes")
        assert watched[0].result(timeout=30).fetchone() == ("accepted",)
        kept = owner.execute(
            "SELECT liked, plays FROM viewer_watches WHERE user_id = %s AND post_id = %s",
            [viewer, post],
        ).fetchall()
    assert kept == [(True, 2)]
