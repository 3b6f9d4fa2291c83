from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.engagement.audience import Audience, audience_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database


@pytest.fixture
def audience(database: Database) -> Iterator[Audience]:
    """Viewers of a database without a post yet."""
    with audience_of(database) as made:
        yield made


@pytest.fixture(scope="module")
def module_audience(module_database: Database) -> Iterator[Audience]:
    """The same for the tests of one module together."""
    with audience_of(module_database) as made:
        yield made
