from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from functions.feed_ranker.upkeep import (
    OLD_SNAPSHOT,
    QUEUE_AGE,
    Lag,
    UpkeepResult,
    UpkeepRules,
    run,
    server_durations,
    shares_of,
)
from shared import sql
from shared.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from uuid import UUID

    from shared.postgres import Statement

RULES = UpkeepRules(roll_up_batch=100, prune_batch=10)


@dataclass
class FakeDatabase:
    """A queue of events and tables with rows past their time; each call takes a second.

    Attributes:
        queue: Events waiting, whatever the share.
        waiting: How many events a run is told of at its beginning.
        rows: Rows past their time, by table.
        busy: Another runner is at the roll-up.
        time: Seconds so far.
        budgets: What each call was given.
        closed: The connections that were closed.
    """

    queue: int = 0
    waiting: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    busy: bool = False
    time: float = 0.0
    budgets: list[float] = field(default_factory=list)
    sent: list[Statement] = field(default_factory=list)
    closed: int = 0

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        assert viewer is None
        (statement,) = statements
        self.time += 1.0
        self.budgets.append(budget_s)
        self.sent.append(statement)
        max_rows = statement.params["max_rows"]
        if statement.sql == sql.FEED["prune"]:
            return [[statement.make_row(kind, self.take(kind, max_rows)) for kind in self.rows]]
        if statement.sql == sql.FEED["begin_upkeep"]:
            return [[statement.make_row(self.waiting, 77)]]
        assert statement.sql == sql.FEED["roll_up"]
        if self.busy:
            return [[statement.make_row(True, 0, 0, 0)]]
        taken = min(max_rows, self.queue)
        self.queue -= taken
        return [[statement.make_row(False, taken, taken // 2, 1)]]

    def close(self) -> None:
        self.closed += 1

    def take(self, kind: str, max_rows: int) -> int:
        taken = min(max_rows, self.rows[kind])
        self.rows[kind] -= taken
        return taken


def test_a_run_drains_the_queue_and_removes_all_that_is_past_its_time() -> None:
    database = FakeDatabase(queue=250, rows={"feed_pages": 25, "watch_events": 3})
    result = run(database, RULES, 60.0, lambda: database.time)
    assert result == UpkeepResult(
        events=250,
        posts=125,
        held=3,
        drained=True,
        busy=False,
        removed={"feed_pages": 25, "watch_events": 3},
    )
    assert (database.queue, database.rows) == (0, {"feed_pages": 0, "watch_events": 0})


def test_a_full_last_batch_is_followed_by_a_look_whether_it_was_the_last() -> None:
    database = FakeDatabase(queue=100)
    assert run(database, RULES, 60.0, lambda: database.time).drained
    assert [s.sql for s in database.sent].count(sql.FEED["roll_up"]) == 2


def test_a_run_ends_in_time_and_leaves_retention_a_quarter() -> None:
    database = FakeDatabase(queue=10**6, rows={"feed_pages": 10**6})
    result = run(database, RULES, 20.0, lambda: database.time)
    assert not result.drained
    assert database.time == 20.0
    assert result.events == 1_400
    assert result.removed == {"feed_pages": 50}
    assert database.budgets == [20.0 - n for n in range(20)]


def test_a_run_without_time_does_nothing() -> None:
    database = FakeDatabase(queue=5)
    assert run(database, RULES, 0.2, lambda: database.time) == UpkeepResult()
    assert run(database, RULES, -3.0, lambda: database.time) == UpkeepResult()
    assert database.sent == []


def test_while_another_runner_works_the_roll_up_is_left_to_it() -> None:
    database = FakeDatabase(queue=5, rows={"feed_pages": 2}, busy=True)
    result = run(database, RULES, 60.0, lambda: database.time)
    assert (result.busy, result.drained, result.events) == (True, False, 0)
    assert result.removed == {"feed_pages": 2}


def test_the_rules_are_passed_on() -> None:
    database = FakeDatabase()
    rules = UpkeepRules(roll_up_batch=7, prune_batch=9, cooldown=timedelta(days=40))
    run(database, rules, 60.0, lambda: database.time)
    begun, rolled, pruned = database.sent
    assert begun.params == {"max_rows": 7}
    assert rolled.params == {"max_rows": 7, "share": 0, "shares": 1, "from_no": 77}
    assert pruned.params == {"max_rows": 9, "cooldown": timedelta(days=40)}


def test_what_was_done_before_the_database_was_lost_stays_done() -> None:
    class Lost(FakeDatabase):
        def run(
            self, *statements: Statement, viewer: UUID | None, budget_s: float
        ) -> list[list[Any]]:
            if self.time >= 2.0:
                raise DatabaseUnavailableError
            return super().run(*statements, viewer=viewer, budget_s=budget_s)

    database = Lost(queue=500)
    with pytest.raises(DatabaseUnavailableError):
        run(database, RULES, 60.0, lambda: database.time)
    assert database.queue == 400


@dataclass
class InShares(FakeDatabase):
    """A queue that is counted in shares.

    Attributes:
        queues: Events waiting, by share.
        lost: The share whose connection is lost at its first batch.
    """

    queues: dict[int, int] = field(default_factory=dict)
    lost: int | None = None
    lock: Lock = field(default_factory=Lock)

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        share = statements[0].params.get("share")
        with self.lock:
            if share is None:
                return super().run(*statements, viewer=viewer, budget_s=budget_s)
            if share == self.lost:
                raise DatabaseUnavailableError
            assert statements[0].params["shares"] == IN_SHARES.roll_up_shares
            self.queue = self.queues[share]
            answer = super().run(*statements, viewer=viewer, budget_s=budget_s)
            self.queues[share] = self.queue
            return answer


IN_SHARES = UpkeepRules(roll_up_batch=100, roll_up_shares=3, prune_batch=10)


def test_shares_are_counted_on_connections_of_their_own_and_added_up() -> None:
    database = InShares(queues={0: 250, 1: 0, 2: 99}, rows={"feed_pages": 3})
    result = run(database, IN_SHARES, 60.0, lambda: database.time)
    assert (result.events, result.held, result.drained, result.busy) == (349, 5, True, False)
    assert database.queues == {0: 0, 1: 0, 2: 0}
    assert database.closed == 3
    assert [s.sql for s in database.sent].count(sql.FEED["begin_upkeep"]) == 1
    assert database.sent[0].sql == sql.FEED["begin_upkeep"]
    assert result.removed == {"feed_pages": 3}


def test_the_queue_is_not_empty_while_one_share_is_not() -> None:
    database = InShares(queues={0: 10, 1: 10**6, 2: 10})
    assert not run(database, IN_SHARES, 20.0, lambda: database.time).drained


def test_a_share_that_is_lost_keeps_no_other_from_counting() -> None:
    database = InShares(queues={0: 150, 1: 10, 2: 150}, lost=1)
    with pytest.raises(DatabaseUnavailableError):
        run(database, IN_SHARES, 60.0, lambda: database.time)
    assert database.queues == {0: 0, 1: 10, 2: 0}
    assert database.closed == 3


@dataclass
class Divided(FakeDatabase):
    """A long queue that is divided into shares, with as many events in each.

    Attributes:
        share: How many events a share has.
        counted: The shares, in the order in which their batches were counted.
        queues: Events waiting, by share.
    """

    share: int = 100
    counted: list[int] = field(default_factory=list)
    queues: dict[int, int] = field(default_factory=dict)

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        share = statements[0].params.get("share")
        if share is not None:
            self.counted.append(share)
            self.queue = self.queues.setdefault(share, self.share)
        answer = super().run(*statements, viewer=viewer, budget_s=budget_s)
        if share is not None:
            self.queues[share] = self.queue
        return answer


@pytest.mark.parametrize(
    ("waiting", "threads", "shares"),
    [
        (0, 1, 1),
        (66, 1, 1),
        (67, 1, 2),
        (200, 1, 4),
        (1_600, 1, 25),
        (10**6, 1, 64),
        (0, 3, 3),
        (200, 3, 6),
        (10**6, 3, 63),
        (10**6, 24, 48),
        (10**6, 32, 64),
    ],
)
def test_a_share_holds_two_thirds_of_a_batch_on_average(
    waiting: int, threads: int, shares: int
) -> None:
    assert shares_of(waiting, UpkeepRules(roll_up_batch=100, roll_up_shares=threads)) == shares


def test_all_that_waits_for_a_post_is_counted_in_one_batch() -> None:
    database = Divided(waiting=200, share=60)
    result = run(database, RULES, 60.0, lambda: database.time)
    assert (result.events, result.drained) == (4 * 60, True)
    assert sorted(database.counted) == [0, 1, 2, 3]
    assert {s.params["shares"] for s in database.sent if "share" in s.params} == {4}


def test_a_share_of_more_than_a_batch_comes_again_after_the_others() -> None:
    database = Divided(waiting=200, share=60, queues={2: 250})
    result = run(database, RULES, 60.0, lambda: database.time)
    assert (result.events, result.drained) == (3 * 60 + 250, True)
    assert sorted(database.counted[:4]) == [0, 1, 2, 3]
    assert database.counted[4:] == [2, 2]


def test_no_share_waits_for_ever_where_the_time_is_too_short_for_all() -> None:

    def counted_in_a_short_run() -> int:
        database = Divided(waiting=200)
        assert not run(database, RULES, 2.5, lambda: database.time).drained
        (share,) = database.counted
        return share

    # The time is enough for one batch. Each share has a chance of one in four to get it.
    assert {counted_in_a_short_run() for _ in range(200)} == {0, 1, 2, 3}


def test_a_share_that_another_runner_counts_is_left_to_it() -> None:
    class Shared(Divided):
        def run(
            self, *statements: Statement, viewer: UUID | None, budget_s: float
        ) -> list[list[Any]]:
            self.busy = statements[0].params.get("share") == 1
            return super().run(*statements, viewer=viewer, budget_s=budget_s)

    database = Shared(waiting=200, share=60)
    result = run(database, RULES, 60.0, lambda: database.time)
    assert (result.events, result.busy, result.drained) == (3 * 60, True, False)


@dataclass
class Told:
    """A database that says how far it is behind, and how old its oldest snapshot and event are."""

    seconds: tuple[float | None, float | None, float | None]
    snapshot: float | None = None
    event: float | None = None

    def run(self, *_: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        assert viewer is None
        assert budget_s == 1.0
        return [[self.seconds], [(self.snapshot,)], [(self.event,)]]


def test_a_database_that_stands_alone_has_no_lag() -> None:
    assert server_durations(Told((None, None, None)), 1.0) == {}


def test_a_cell_tells_its_lag_in_milliseconds() -> None:
    told = server_durations(Told((60.0, 0.25, 0.0)), 1.0)
    assert told == asdict(Lag(60_000.0, 250.0, 0.0))


def test_the_age_of_the_oldest_snapshot_is_told_where_it_can_be_seen() -> None:
    assert server_durations(Told((None, None, None), 300.5), 1.0) == {OLD_SNAPSHOT: 300_500.0}


def test_the_age_of_the_oldest_event_is_told_also_where_none_waits() -> None:
    nothing = (None, None, None)
    assert server_durations(Told(nothing, event=0), 1.0) == {QUEUE_AGE: 0.0}
    assert server_durations(Told(nothing, event=61.5), 1.0) == {QUEUE_AGE: 61_500.0}


def test_a_database_without_time_for_durations_takes_nothing_back_of_what_the_run_did() -> None:
    class Late(Told):
        def run(self, *_: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
            super().run(viewer=viewer, budget_s=budget_s)
            raise DatabaseUnavailableError

    assert server_durations(Late((None, None, None)), 1.0) == {}
