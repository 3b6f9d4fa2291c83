"""Upkeep, by schedule: the roll-up of what viewers did, then retention.

Every batch is a transaction of its own, so a run may end anywhere: the next goes on from there. The
roll-up can work in several shares at once, each in a thread and on a connection of its own. The
threads wait for Postgres, which does the work.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from shared import sql
from shared.postgres import Database, Statement

if TYPE_CHECKING:
    from collections.abc import Callable

OLD_SNAPSHOT: Final = "oldest_snapshot"  # the names of durations
QUEUE_AGE: Final = "queue_age"
_LEAST_CALL_S: Final = 0.5  # with less, a batch would mostly be broken off
_ROLL_UP_TIME: Final = 0.75  # of the whole: a long queue must not keep retention from ever working


class Connections(Database, Protocol):
    """A database on which each thread has a connection of its own."""

    def close(self) -> None:
        """Close this thread's connection, if there is one."""


@dataclass(frozen=True, slots=True)
class UpkeepRules:
    """How much at once, and what is kept for how long.

    Attributes:
        roll_up_batch: Events of the queue that one transaction counts.
        roll_up_shares: Shares of the queue that are counted at once.
        prune_batch: Rows of each kind that one transaction removes.
        cooldown: Impressions outlast it by a day. All else that is kept has its time in the
            database, in feed_settings, where only the owner of the schema can change it.
    """

    roll_up_batch: int = 2_000
    roll_up_shares: int = 1
    prune_batch: int = 500
    cooldown: timedelta = timedelta(days=30)


@dataclass(slots=True)
class UpkeepResult:
    """What one run did.

    Attributes:
        events: Events counted.
        posts: Posts whose figures changed, once a batch.
        held: Posts taken off the feed until somebody has looked at them.
        drained: The queue was empty at the end, as far as this run saw it.
        busy: Another run was at the roll-up of some share, and this one left it alone.
        removed: Rows removed, by table.
    """

    events: int = 0
    posts: int = 0
    held: int = 0
    drained: bool = False
    busy: bool = False
    removed: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Share:
    """What one run did of one share of the queue. The fields are those of `UpkeepResult`."""

    events: int = 0
    posts: int = 0
    held: int = 0
    drained: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the database is behind, in ms, where it is one of several that tell one another.

    Attributes:
        catalogue_age: Since when nothing newer has been heard of posts and figures.
        catalogue_delay: How long the newest of it was on its way.
        events_age: Since when nobody has confirmed the events that were sent; 0 without any.
    """

    catalogue_age: float
    catalogue_delay: float
    events_age: float


def run(
    database: Connections,
    rules: UpkeepRules,
    budget_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> UpkeepResult:
    """Work off the queue, then remove what is past its time, until done or out of time.

    Args:
        database: Where.
        rules: How much at once, and what is kept for how long.
        budget_s: Seconds for all of it.
        clock: Seconds that never go back.

    Raises:
        DatabaseUnavailableError: No answer in time; the next run goes on.
    """
    started = clock()

    def left(part: float = 1.0) -> float:
        return started + part * budget_s - clock()

    result = UpkeepResult()
    if left(_ROLL_UP_TIME) >= _LEAST_CALL_S:
        begin = Statement(sql.FEED["begin_upkeep"], {"max_rows": rules.roll_up_batch})
        database.run(begin, viewer=None, budget_s=left())
        result = _roll_up(database, rules, left)
    pruned = False
    while not pruned and left() >= _LEAST_CALL_S:
        pruned = _prune(database, rules, result, left())
    return result


def _roll_up(
    database: Connections, rules: UpkeepRules, left: Callable[[float], float]
) -> UpkeepResult:
    """Count the queue, all shares of it at once, and return what they did together.

    An error of one share is raised after the others have ended.
    """
    shares = rules.roll_up_shares
    if shares == 1:
        counted = [_roll_up_share(database, rules, 0, left)]
    else:

        def in_thread(share: int) -> _Share:
            try:
                return _roll_up_share(database, rules, share, left)
            finally:
                database.close()

        with ThreadPoolExecutor(shares, thread_name_prefix="roll-up") as threads:
            counted = list(threads.map(in_thread, range(shares)))
    return UpkeepResult(
        events=sum(share.events for share in counted),
        posts=sum(share.posts for share in counted),
        held=sum(share.held for share in counted),
        drained=all(share.drained for share in counted),
        busy=any(share.busy for share in counted),
    )


def _roll_up_share(
    database: Database, rules: UpkeepRules, share: int, left: Callable[[float], float]
) -> _Share:
    """Count one share of the queue, batch by batch, until it is empty or the time is up."""
    done = _Share()
    statement = Statement(
        sql.FEED["roll_up"],
        {"max_rows": rules.roll_up_batch, "share": share, "shares": rules.roll_up_shares},
    )
    while not (done.busy or done.drained) and left(_ROLL_UP_TIME) >= _LEAST_CALL_S:
        (rows,) = database.run(statement, viewer=None, budget_s=left(1.0))
        ((done.busy, events, posts, held),) = rows
        done.drained = not done.busy and events < rules.roll_up_batch
        done.events += events
        done.posts += posts
        done.held += held
    return done


def _prune(database: Database, rules: UpkeepRules, result: UpkeepResult, budget_s: float) -> bool:
    """Remove a batch of each kind; whether no kind had more than that."""
    statement = Statement(
        sql.FEED["prune"],
        {"max_rows": rules.prune_batch, "cooldown": rules.cooldown},
    )
    (removed,) = database.run(statement, viewer=None, budget_s=budget_s)
    for kind, count in removed:
        result.removed[kind] = result.removed.get(kind, 0) + count
    return all(count < rules.prune_batch for _, count in removed)


def server_durations(database: Database, budget_s: float) -> dict[str, float]:
    """Return a cell's lag, and the ages of the oldest snapshot and event, in ms, by name.

    The snapshot's age says for how long an open transaction has kept dead rows. It is missing where
    the owner of the schema may not see the sessions of others. The event is the oldest that waits
    to be counted; a cell counts none and tells no age.

    Raises:
        DatabaseUnavailableError: No answer in time.
    """
    statements = (
        Statement(sql.FEED["cell_lag"]),
        Statement(sql.FEED["oldest_snapshot"]),
        Statement(sql.FEED["queue_age"]),
    )
    lags, *ages = database.run(*statements, viewer=None, budget_s=budget_s)
    ((age_s, delay_s, unsent_s),) = lags
    named = zip((OLD_SNAPSHOT, QUEUE_AGE), (seconds for ((seconds,),) in ages), strict=True)
    told = {name: 1000 * float(seconds) for name, seconds in named if seconds is not None}
    if age_s is not None:
        told |= asdict(Lag(1000 * age_s, 1000 * delay_s, 1000 * unsent_s))
    return told
