"""What pages leave to the garbage collector."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING

from functions.feed_ranker import app

if TYPE_CHECKING:
    from tests.integration.feed.harness import Harness


def test_twenty_first_pages_cause_two_collections_at_most(feed: Harness) -> None:
    feed.add_posts(400, age=timedelta(hours=1))
    viewers = [feed.viewer() for _ in range(20)]
    viewers[0].page()
    assert gc.get_threshold()[0] == app._NEW_OBJECTS  # nobody has changed it
    before = gc.get_stats()[0]["collections"]
    for viewer in viewers:
        viewer.page()
    assert gc.get_stats()[0]["collections"] - before <= 2
