"""One running stack for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.settings import StackSettings
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def stack(scratch: Path) -> Iterator[Stack]:
    """The stack as `make dev` runs it, with parts of its own, which the tests may stop."""
    settings = StackSettings(
        state_dir=scratch / "stack",
        durable=False,
        workers={"feed_ranker": 3},
        # A busy machine is no lost dependency.
        environment={"DATABASE_BUDGET_MS": "10000", "CACHE_BUDGET_MS": "10000"},
    )
    with Stack(settings) as running:
        yield running
