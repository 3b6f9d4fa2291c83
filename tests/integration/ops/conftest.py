from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.feed.harness import Harness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database


@pytest.fixture
def feed(database: Database, dynamodb_endpoint: str, session_table: str) -> Iterator[Harness]:
    """A feed over an empty catalogue."""
    with Harness(database, dynamodb_endpoint, session_table) as harness:
        yield harness
