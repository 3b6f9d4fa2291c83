"""Upkeep, by schedule: the roll-up of what viewers did, then retention.

Every batch is a transaction of its own, so a run may end anywhere: the next goes on from there.

The roll-up divides a long queue into shares by creator, about a batch each. All that waits for a
post is then counted in one transaction, and its rows get one new version a run. In the order of the
queue a post that is much watched would get one in every batch. Several shares can be counted at
once, each in a thread and on a connection of its own. The threads wait for Postgres, which does the
work.
"""

from __future__ import annotations

import random
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from shared import sql
from shared.errors import DatabaseUnavailableError
from shared.postgres import Database, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OLD_SNAPSHOT: Final = "oldest_snapshot"  # the names of durations
QUEUE_AGE: Final = "queue_age"
_LEAST_CALL_S: Final = 0.5  # with less, a batch would mostly be broken off
_ROLL_UP_TIME: Final = 0.75  # of the whole: a long queue must not keep retention from ever working
_MAX_SHARES: Final = 64  # the slices of the queue that roll_up knows


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
class _Counted:
    """What one thread counted of its shares. The fields are those of `UpkeepResult`."""

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
        (((waiting, from_no),),) = database.run(begin, viewer=None, budget_s=left())
        # What comes in below the lowest number that waits is left to the next run.
        ask = {
            "max_rows": rules.roll_up_batch,
            "shares": shares_of(waiting, rules),
            "from_no": from_no,
        }
        result = _roll_up(database, rules.roll_up_shares, ask, left)
    pruned = False
    while not pruned and left() >= _LEAST_CALL_S:
        pruned = _prune(database, rules, result, left())
    return result


def _roll_up(
    database: Connections, threads: int, ask: Mapping[str, int], left: Callable[[float], float]
) -> UpkeepResult:
    """Count the queue in so many threads, and return what they did together.

    An error of one thread is raised after the others have ended.
    """
    of_shares = ask["shares"]
    if threads == 1:
        counted = [_count(database, ask, range(of_shares), left)]
    else:

        def in_thread(number: int) -> _Counted:
            own = range(number, of_shares, threads)
            try:
                return _count(database, ask, own, left)
            finally:
                database.close()

        with ThreadPoolExecutor(threads, thread_name_prefix="roll-up") as pool:
            counted = list(pool.map(in_thread, range(threads)))
    return UpkeepResult(
        events=sum(each.events for each in counted),
        posts=sum(each.posts for each in counted),
        held=sum(each.held for each in counted),
        drained=all(each.drained for each in counted),
        busy=any(each.busy for each in counted),
    )


def shares_of(waiting: int, rules: UpkeepRules) -> int:
    """Return into how many shares to divide a queue of so many events.

    Creators differ in how much they are watched, so that a share holds two thirds of a batch on
    average. Each thread gets the same number of shares.
    """
    each = 1 + 3 * waiting // (2 * rules.roll_up_batch * rules.roll_up_shares)
    return rules.roll_up_shares * min(each, _MAX_SHARES // rules.roll_up_shares)


def _count(
    database: Database, ask: Mapping[str, int], shares: range, left: Callable[[float], float]
) -> _Counted:
    """Count shares of the queue, a batch of each in turn, until they are empty or time is up.

    `ask` is what a batch is asked for beside its share. A run begins with any of the shares.
    Otherwise the last would never be counted where the time is always too short for all.
    """
    done = _Counted()
    unfinished = deque(random.sample(shares, len(shares)))
    while unfinished and left(_ROLL_UP_TIME) >= _LEAST_CALL_S:
        share = unfinished.popleft()
        statement = Statement(sql.FEED["roll_up"], {**ask, "share": share})
        (rows,) = database.run(statement, viewer=None, budget_s=left(1.0))
        ((busy, events, posts, held),) = rows
        done.busy = done.busy or busy
        done.events += events
        done.posts += posts
        done.held += held
        if not busy and events == ask["max_rows"]:
            unfinished.append(share)
    done.drained = not (unfinished or done.busy)
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
    to be counted; a cell counts none and tells no age. Where the database does not answer in time,
    nothing is told: what the run has done stands, and the next one tells of it.
    """
    statements = (
        Statement(sql.FEED["cell_lag"]),
        Statement(sql.FEED["oldest_snapshot"]),
        Statement(sql.FEED["queue_age"]),
    )
    try:
        lags, *ages = database.run(*statements, viewer=None, budget_s=budget_s)
    except DatabaseUnavailableError:
        return {}
    ((age_s, delay_s, unsent_s),) = lags
    named = zip((OLD_SNAPSHOT, QUEUE_AGE), (seconds for ((seconds,),) in ages), strict=True)
    told = {name: 1000 * float(seconds) for name, seconds in named if seconds is not None}
    if age_s is not None:
        told |= asdict(Lag(1000 * age_s, 1000 * delay_s, 1000 * unsent_s))
    return told
