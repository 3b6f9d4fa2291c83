"""The naive feed, which is one statement over all posts.

The owner of the schema runs it, so that no row-level policy slows it down.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from evaluation.percentiles import spread
from evaluation.speed.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

_WARM_UP = 1


def measure(admin_url: str, viewers: Iterable[UUID]) -> dict[str, Any]:
    """Measure the statement once for each viewer, without counting the first run."""
    statement = load("naive")["naive_feed"].encode()
    samples = []
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for viewer in viewers:
            started = time.perf_counter()
            connection.execute(statement, {"viewer": viewer}).fetchall()
            samples.append((time.perf_counter() - started) * 1e3)
    return spread(samples[_WARM_UP:])
