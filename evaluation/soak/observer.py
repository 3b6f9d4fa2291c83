"""An observer of what grows in a soak, such as tables, indexes, dead rows and memory."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from evaluation.speed.processor import part_of
from local.services.aws import aws_environment
from local.services.dynamodb import dynamodb_client

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLES = """
SELECT s.relname, pg_table_size(s.relid), pg_indexes_size(s.relid), s.n_dead_tup, s.n_live_tup
FROM pg_stat_user_tables s WHERE s.schemaname IN ('public', 'vroom_private')
"""
_DATABASE = """
SELECT pg_database_size(current_database()), pg_current_wal_lsn() - '0/0'::pg_lsn,
       (SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0) FROM pg_stat_activity
        WHERE backend_xmin IS NOT NULL)
"""


class Observer(threading.Thread):
    """A thread that notes the state of a stack every few seconds until it is stopped.

    Args:
        info: The content of the stack's stack.json.
        family: The process that started the stack.
        every_s: The seconds between two looks.

    Attributes:
        looks: The observations in order of time.
    """

    def __init__(self, info: Mapping[str, str], family: psutil.Process, every_s: float) -> None:
        super().__init__(daemon=True)
        self.looks: list[dict[str, Any]] = []
        self._info = info
        self._family = family
        self._every_s = every_s
        self._ended = threading.Event()
        self._begun = time.perf_counter()

    def run(self) -> None:
        """Look at the stack until told to end."""
        table = self._info["session_table"]
        environment = aws_environment(own_endpoint=True)
        client = dynamodb_client(self._info["dynamodb_endpoint_url"], environment)
        with psycopg.connect(self._info["admin_database_url"], autocommit=True) as connection:
            while True:
                items = client.describe_table(TableName=table)["Table"].get("ItemCount", 0)
                self.looks.append(self._look(connection, items))
                if self._ended.wait(self._every_s):
                    break
        client.close()

    def end(self) -> None:
        """End the thread, and wait until it has ended."""
        self._ended.set()
        self.join()

    def _look(self, connection: psycopg.Connection, items: int) -> dict[str, Any]:
        size, wal, oldest = connection.execute(_DATABASE).fetchone() or (0, 0, 0)
        tables = {
            name: {"table": table, "indexes": indexes, "dead": dead, "live": live}
            for name, table, indexes, dead, live in connection.execute(_TABLES)
        }
        return {
            "at_s": round(time.perf_counter() - self._begun, 1),
            "database_bytes": int(size),
            "wal_bytes": int(wal),
            "oldest_snapshot_s": round(float(oldest), 1),
            "tables": tables,
            "memory_bytes": self._memory(),
            "items": items,
        }

    def _memory(self) -> dict[str, int]:
        """Return the resident bytes by part. Memory that processes share is counted in each."""
        used: dict[str, int] = {}
        for process in self._family.children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                part = part_of(process)
                used[part] = used.get(part, 0) + process.memory_info().rss
        return used
