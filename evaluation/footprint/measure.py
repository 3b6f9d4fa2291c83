"""The measurement of one build, in windows of so many pages."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from evaluation.footprint import wal
from evaluation.footprint.driver import UPKEEP
from evaluation.speed.processor import server_seconds

if TYPE_CHECKING:
    from evaluation.other_process import Program

UPKEEP_PAGES: Final = 500  # the pages between two runs of the upkeep, which are a minute's
# No checkpoint comes by itself, and the log stays until it was read.
_SETTINGS: Final = {
    "checkpoint_timeout": "1h",
    "max_wal_size": "16GB",
    "wal_keep_size": "8GB",
    "autovacuum_naptime": "10s",
}
_NAMES = """
SELECT pg_relation_filenode(c.oid)::bigint,
       CASE c.relkind WHEN 'i' THEN coalesce(toast.relname, of.relname) || '.' || c.relname
                      WHEN 't' THEN owner.relname || ' (TOAST)' ELSE c.relname END
FROM pg_class c
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_class of ON of.oid = i.indrelid
LEFT JOIN pg_class owner ON owner.reltoastrelid = c.oid
LEFT JOIN pg_class toast ON toast.reltoastrelid = i.indrelid
WHERE pg_relation_filenode(c.oid) IS NOT NULL
"""
_SIZES = """
SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid)
FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'vroom_private'::regnamespace)
"""
_UPDATES = """
SELECT s.relname, s.n_tup_upd, s.n_tup_hot_upd, s.n_dead_tup
FROM pg_stat_user_tables s
"""


@dataclass(slots=True)
class Window:
    """What so many pages wrote.

    Attributes:
        pages: The number of pages.
        images: Whether pages were logged as a whole after a checkpoint.
        wal: What was written to the log, by relation.
        wal_bytes: All that was written to the log.
        roll_up_bytes: The part of it that the upkeep wrote.
        roll_up_cpu_s: The processor time of Postgres while the upkeep ran.
        events: The number of events that the upkeep counted.
        grown: The bytes by which tables and their indexes grew.
        updates: The number of updates of each table, those of them that were HOT, and its dead
            rows at the end.
    """

    pages: int
    images: bool
    wal: dict[str, Any] = field(default_factory=dict)
    wal_bytes: int = 0
    roll_up_bytes: int = 0
    roll_up_cpu_s: float = 0.0
    events: int = 0
    grown: dict[str, tuple[int, int]] = field(default_factory=dict)
    updates: dict[str, tuple[int, int, int]] = field(default_factory=dict)


class Side:
    """One build, with a connection of the owner to its database."""

    def __init__(self, program: Program) -> None:
        self._program = program
        place = program.hear()
        self._data = Path(place["data"])
        self._owner = psycopg.connect(place["url"], autocommit=True)

    def prepare(self) -> None:
        """Keep checkpoints away, and count what earlier runs have queued."""
        for name, value in _SETTINGS.items():
            self._owner.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self._owner.execute("SELECT pg_reload_conf()")
        self.serve(UPKEEP_PAGES)
        self._count_events()

    def close(self) -> None:
        """Close the connection."""
        self._owner.close()

    def serve(self, pages: int) -> None:
        """Serve so many pages."""
        self._program.say(pages)
        self._program.hear()

    def window(self, pages: int, *, images: bool) -> Window:
        """Serve so many pages with their events and the upkeep, and return what they wrote.

        Args:
            pages: The number of pages, a multiple of UPKEEP_PAGES.
            images: Whether the window begins with a checkpoint, and pages are logged as a whole.
        """
        found = Window(pages, images)
        self._owner.execute(f"ALTER SYSTEM SET full_page_writes = {'on' if images else 'off'}")
        self._owner.execute("SELECT pg_reload_conf()")
        self._owner.execute("CHECKPOINT")
        sizes, updates, begin = self._sizes(), self._updates(), self._place()
        for _ in range(pages // UPKEEP_PAGES):
            self.serve(UPKEEP_PAGES)
            before, cpu = self._place(), self._cpu()
            found.events += self._count_events()
            found.roll_up_cpu_s += self._cpu() - cpu
            found.roll_up_bytes += self._between(before, self._place())
        end = self._place()
        found.wal_bytes = self._between(begin, end)
        names = {int(node): str(name) for node, name in self._owner.execute(_NAMES)}
        found.wal = {
            name: asdict(written)
            for name, written in wal.read(self._data, begin, end, names).items()
        }
        found.grown = {
            name: (table - sizes.get(name, (0, 0))[0], indexes - sizes.get(name, (0, 0))[1])
            for name, (table, indexes) in self._sizes().items()
        }
        for name, (changed, hot, dead) in self._updates().items():
            was = updates.get(name, (0, 0, 0))
            found.updates[name] = (changed - was[0], hot - was[1], dead)
        return found

    def _count_events(self) -> int:
        self._program.say(UPKEEP)
        return int(self._program.hear())

    def _cpu(self) -> float:
        return server_seconds(self._owner)

    def _place(self) -> str:
        self._owner.execute("SELECT pg_stat_force_next_flush()")
        (place,) = self._one("SELECT pg_current_wal_insert_lsn()::text")
        return str(place)

    def _between(self, begin: str, end: str) -> int:
        (found,) = self._one("SELECT (%s::pg_lsn - %s::pg_lsn)::bigint", [end, begin])
        return int(found)

    def _sizes(self) -> dict[str, tuple[int, int]]:
        return {name: (table, indexes) for name, table, indexes in self._owner.execute(_SIZES)}

    def _updates(self) -> dict[str, tuple[int, int, int]]:
        self._owner.execute("SELECT pg_stat_clear_snapshot()")
        return {name: (n, hot, dead) for name, n, hot, dead in self._owner.execute(_UPDATES)}

    def _one(self, statement: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
        row = self._owner.execute(statement, parameters).fetchone()
        assert row is not None  # noqa: S101  # each of these statements returns one row
        return row
