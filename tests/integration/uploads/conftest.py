"""Uploads, webhooks and the sweep over one database a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.uploads.harness import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """An empty account and an empty database."""
    made = World(database)
    yield made
    made.close()
