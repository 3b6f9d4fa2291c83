"""The processor time of the parts of a build. Each part is one process or several."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import psutil

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


def per_page_ms(before: dict[str, float], after: dict[str, float], pages: int) -> dict[str, float]:
    """Return the milliseconds per page for each part that did anything."""
    used = {part: (after[part] - before.get(part, 0.0)) * 1e3 / pages for part in after}
    return {part: round(ms, 2) for part, ms in sorted(used.items()) if ms > 0.0}
