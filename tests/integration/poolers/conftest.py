from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.services import pgbouncer
from local.services.pgbouncer import PgBouncer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.conftest import Database


@pytest.fixture
def pooler(database: Database) -> Callable[[int], AbstractContextManager[PgBouncer]]:
    """Starts PgBouncer before the test's database, with pools of so many connections."""
    if pgbouncer.installed() is None:
        pytest.skip("PgBouncer is not installed: Debian's package is pgbouncer")

    @contextmanager
    def start(pool_size: int) -> Iterator[PgBouncer]:
        # In a folder that another system user can reach.
        folder = Path(tempfile.mkdtemp(prefix="vroom-pooler-"))
        urls = {"vroom_app": database.app_url, "vroom_webhook": database.webhook_url}
        running = PgBouncer(folder, urls, pool_size=pool_size)
        try:
            running.start()
            yield running
        finally:
            running.stop()
            shutil.rmtree(folder, ignore_errors=True)

    return start
