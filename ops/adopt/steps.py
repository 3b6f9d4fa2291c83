"""The steps by which the feed moves in: what each does, and whether it is done already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from ops.adopt.text import Text

# A statement that needs a lock gives way after this time, so that the application never queues up
# behind it for long, and is tried again.
LOCK_TIMEOUT = "2s"
_ATTEMPTS = 30


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the plan.

    Attributes:
        title: What it does, in a sentence.
        done: It was done before.
        run: Does it. The connection commits each statement.
    """

    title: str
    done: bool
    run: Callable[[Connection[Any]], None]


def statements(title: str, *texts: Text, done: bool = False) -> Step:
    """Return a step that runs statements in one transaction, under short locks."""

    def run(connection: Connection[Any]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                with connection.transaction():
                    connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                    for text in texts:
                        connection.execute(text)
            except psycopg.errors.LockNotAvailable:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    return Step(title, done, run)


def outside_transaction(title: str, text: Text, *, done: bool) -> Step:
    """Return a step for a statement that cannot stand in a transaction."""

    def run(connection: Connection[Any]) -> None:
        connection.execute(text)

    return Step(title, done, run)
