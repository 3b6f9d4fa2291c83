"""Upkeep, by schedule: the roll-up of what viewers did, then retention.

Every batch is a transaction of its own, so a run may end anywhere: the next goes on from there.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from shared import sql
from shared.postgres import Database, Statement

if TYPE_CHECKING:
    from collections.abc import Callable

OLD_SNAPSHOT: Final = "oldest_snapshot"  # the name of the duration
_LEAST_CALL_S: Final = 0.5  # with less, a batch would mostly be broken off
_SHARE_OF_ROLL_UP: Final = (
    0.75  # of the time: a long queue must not keep retention from ever working
)


@dataclass(frozen=True, slots=True)
class UpkeepRules:
    """How much at once, and what is kept for how long.

    Attributes:
        roll_up_batch: Events of the queue that one transaction counts.
        prune_batch: Rows of each kind that one transaction removes.
        cooldown: Impressions outlast it by a day. All else that is kept has its time in the
            database, in feed_settings, where only the owner of the schema can change it.
    """

    roll_up_batch: int = 2_000
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
        busy: Another run was at the roll-up, and this one left it alone.
        removed: Rows removed, by table.
    """

    events: int = 0
    posts: int = 0
    held: int = 0
    drained: bool = False
    busy: bool = False
    removed: dict[str, int] = field(default_factory=dict)


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
    database: Database,
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
    result = UpkeepResult()
    started = clock()

    def left(share: float = 1.0) -> float:
        return started + share * budget_s - clock()

    while not (result.busy or result.drained) and left(_SHARE_OF_ROLL_UP) >= _LEAST_CALL_S:
        _roll_up(database, rules, result, left())
    pruned = False
    while not pruned and left() >= _LEAST_CALL_S:
        pruned = _prune(database, rules, result, left())
    return result


def _roll_up(database: Database, rules: UpkeepRules, result: UpkeepResult, budget_s: float) -> None:
    statement = Statement(
        sql.FEED["roll_up"],
        {"max_rows": rules.roll_up_batch},
    )
    (rows,) = database.run(statement, viewer=None, budget_s=budget_s)
    ((busy, events, posts, held),) = rows
    result.busy = busy
    result.drained = not busy and events < rules.roll_up_batch
    result.events += events
    result.posts += posts
    result.held += held


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
    """Return how far a cell is behind and how old the oldest snapshot is, in ms, by name.

    The snapshot's age says for how long an open transaction has kept dead rows. It is missing where
    the owner of the schema may not see the sessions of others.

    Raises:
        DatabaseUnavailableError: No answer in time.
    """
    statements = (Statement(sql.FEED["cell_lag"]), Statement(sql.FEED["oldest_snapshot"]))
    lags, snapshots = database.run(*statements, viewer=None, budget_s=budget_s)
    ((age_s, delay_s, unsent_s),) = lags
    ((snapshot_s,),) = snapshots
    told = {} if snapshot_s is None else {OLD_SNAPSHOT: 1000 * float(snapshot_s)}
    if age_s is not None:
        told |= asdict(Lag(1000 * age_s, 1000 * delay_s, 1000 * unsent_s))
    return told
