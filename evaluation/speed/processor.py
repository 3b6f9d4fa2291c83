"""The processor time of the parts of a build. Each part is one process or several."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    import psycopg

# Each part is known by a text in the command line of its process. The first match counts.
_PARTS: Final = (
    ("Postgres", "postgres"),
    ("DynamoDB stand-in", "local.services.dynamodb"),
    ("Mux stand-in", "local.mux"),
    ("workers", "local.gateway.worker"),
    ("gateway", "local.gateway"),
)
REST: Final = "rest"


def seconds_by_part(process: psutil.Process, own: str = REST) -> dict[str, float]:
    """Return the processor seconds that each part has used so far.

    Args:
        process: The process that started all the others.
        own: The name under which the time of `process` itself is counted.
    """
    used: dict[str, float] = {}
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            part = own if each == process else part_of(each)
            times = each.cpu_times()
            # A process that has ended leaves its time to its parent, which may be a part too.
            used[part] = used.get(part, 0.0) + times.user + times.system
    return used


def part_of(process: psutil.Process) -> str:
    """Return the name of the part to which a process belongs."""
    words = " ".join([process.name(), *process.cmdline()])
    if "local.services.supervise" in words:
        return REST
    return next((name for name, word in _PARTS if word in words), REST)


def server_seconds(connection: psycopg.Connection) -> float:
    """Return the processor seconds that a server here has used, also by processes that ended."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    postmaster = psutil.Process(row[0] if row else None).parent()
    assert postmaster is not None  # noqa: S101 - a backend has a parent
    ended = postmaster.cpu_times()
    total = ended.user + ended.system + ended.children_user + ended.children_system
    for process in postmaster.children():
        # A worker that has ended meanwhile leaves its time to the postmaster, for the next reading.
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def per_page_ms(before: dict[str, float], after: dict[str, float], pages: int) -> dict[str, float]:
    """Return the milliseconds per page for each part that did anything."""
    used = {part: (after[part] - before.get(part, 0.0)) * 1e3 / pages for part in after}
    return {part: round(ms, 2) for part, ms in sorted(used.items()) if ms > 0.0}
