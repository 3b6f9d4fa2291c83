"""The roll-up: everything exactly once, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from functions.feed_ranker import upkeep
from functions.feed_ranker.upkeep import UpkeepRules
from tests.integration.database.clients import at_once, refresh_counters
from tests.integration.engagement.audience import RECORD, watch, watching

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from shared.postgres import Statement
    from tests.integration.engagement.audience import Audience


def test_two_runners_at_once_count_every_event_once(audience: Audience) -> None:
    posts = audience.add_posts(20)
    viewers = [uuid4() for _ in range(20)]
    for viewer in viewers:
        audience.record(viewer, [watch(post, 1.0, liked=True) for post in posts])
    queued = audience.queued()

    def run() -> int:
        counted = 0
        while True:
            done = audience.roll_up(37)
            counted += int(done["events"])
            if not done["busy"] and done["events"] < 37:
                return counted

    assert sum(at_once([run] * 4)) == queued == 400
    for post in posts:
        found = audience.stats(post)
        assert (found["plays"], found["likes"], found["watch_ratio_sum"]) == (20, 20, 20.0)


def test_while_one_runner_works_another_does_nothing(audience: Audience) -> None:
    (post,) = audience.add_posts(1)
    audience.record(uuid4(), [watch(post)])
    with psycopg.connect(audience.database.admin_url) as working:
        working.execute("SELECT roll_up(100)")
        assert audience.roll_up() == {"busy": True, "events": 0, "posts": 0, "held": 0}
    assert audience.stats(post)["plays"] == 1
    assert audience.roll_up() == {"busy": False, "events": 0, "posts": 0, "held": 0}


def test_a_runner_that_is_killed_has_counted_nothing_and_the_next_counts_all(
    audience: Audience,
) -> None:
    (post,) = audience.add_posts(1)
    for _ in range(5):
        audience.record(uuid4(), [watch(post, 1.0)])
    assert audience.roll_up(2)["events"] == 2
    victim = psycopg.connect(audience.database.admin_url)
    victim.execute("SELECT roll_up(100)")
    # It has let go of its locks only once it has ended.
    audience.operator.execute("SELECT pg_terminate_backend(%s, 5000)", [victim.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        victim.execute("SELECT 1")
    victim.close()
    assert (audience.stats(post)["plays"], audience.queued()) == (2, 3)
    assert audience.roll_up()["events"] == 3
    assert audience.stats(post)["plays"] == 5


def test_an_event_committed_after_younger_ones_were_counted_is_not_lost(
    audience: Audience,
) -> None:
    (post,) = audience.add_posts(1)
    with psycopg.connect(audience.database.admin_url) as late:
        late.execute("SELECT record_watch_progress(%s, %s, 500, 1000)", [uuid4(), post])
        audience.record(uuid4(), [watch(post)])
        assert audience.roll_up()["events"] == 1
    assert audience.roll_up()["events"] == 1
    assert audience.stats(post)["plays"] == 2


def test_events_of_a_post_that_is_gone_are_dropped_and_bring_nothing_back(
    audience: Audience,
) -> None:
    gone, stays = audience.add_posts(2)
    audience.record(uuid4(), [watch(gone, 1.0), watch(stays, 1.0)])
    creator = audience.stats(gone)["creator_id"]
    audience.operator.execute("DELETE FROM posts WHERE id = %s", [gone])
    audience.operator.execute("DELETE FROM creator_quality WHERE creator_id = %s", [creator])
    assert audience.roll_up()["events"] == 2
    assert audience.rows("SELECT post_id FROM post_stats") == [{"post_id": stays}]
    assert audience.rows("SELECT FROM creator_quality WHERE creator_id = %s", creator) == []
    assert audience.rows("SELECT FROM post_covisits") == []


def test_posts_change_while_the_roll_up_holds_one_without_a_deadlock(audience: Audience) -> None:
    posts = audience.add_posts(40, tags=["cats"])
    for _ in range(5):
        for post in posts:
            audience.report(post)

    def retitle() -> int:
        with psycopg.connect(audience.database.admin_url, autocommit=True) as connection:
            for post in posts:
                connection.execute("UPDATE posts SET caption = 'new' WHERE id = %s", [post])
        return 0

    def roll_up() -> int:
        return sum(audience.roll_up(20, threshold=3)["held"] for _ in range(10))

    tasks: list[Callable[[], int]] = [roll_up, retitle, retitle]
    assert sum(at_once(tasks)) == 40


@dataclass
class ByOperator:
    """The connection of an audience's operator, as the upkeep calls Postgres."""

    audience: Audience

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        assert viewer is None
        assert budget_s > 0
        operator = self.audience.operator
        return [
            [tuple(row.values()) for row in operator.execute(s.sql, s.params).fetchall()]
            for s in statements
        ]

    def close(self) -> None:
        """Leave the connection open. The upkeep of one share closes none."""


def updates(audience: Audience) -> int:
    """Return how often rows of `post_stats` were updated so far."""
    refresh_counters(audience.operator)
    query = "SELECT n_tup_upd AS n FROM pg_stat_user_tables WHERE relname = 'post_stats'"
    return int(audience.row(query)["n"])


def test_a_long_queue_gives_the_figures_of_a_post_one_new_version(audience: Audience) -> None:
    posts = audience.add_posts(30)
    for _ in range(20):
        audience.record(uuid4(), [watch(post, 1.0) for post in posts])
    before = updates(audience)
    # In the order of the queue, each of the twelve batches would have every post in it.
    done = upkeep.run(ByOperator(audience), UpkeepRules(roll_up_batch=50), 60.0)
    assert (done.events, done.drained) == (600, True)
    assert {audience.stats(post)["plays"] for post in posts} == {20}
    # A share that has more than a batch is counted in two.
    assert updates(audience) - before <= 2 * len(posts)


def test_a_lower_number_that_is_committed_late_is_counted_by_the_next_run(
    audience: Audience,
) -> None:
    early, late = audience.add_posts(2)
    begin: LiteralString = "SELECT waiting, from_no FROM begin_upkeep(100)"
    roll_up: LiteralString = "SELECT events FROM roll_up(100, from_no => %s)"
    viewer = uuid4()
    with watching(audience.database.app_url, viewer) as slow, slow.transaction():
        # The slow transaction has its number first, and is committed last.
        slow.execute(RECORD, [viewer, Jsonb([watch(early)]), None])
        audience.record(uuid4(), [watch(late)])
        begun = audience.row(begin)
        assert begun["waiting"] == 1
    assert audience.row(roll_up, begun["from_no"]) == {"events": 1}
    assert (audience.stats(early)["plays"], audience.stats(late)["plays"]) == (0, 1)
    again = audience.row(begin)
    assert again["waiting"] == 1
    assert 0 < again["from_no"] < begun["from_no"]
    assert audience.row(roll_up, again["from_no"]) == {"events": 1}
    assert audience.row(begin) == {"waiting": 0, "from_no": 0}
    assert audience.stats(early)["plays"] == 1


def test_no_batch_reads_past_the_dead_rows_of_earlier_runs(audience: Audience) -> None:
    posts = audience.add_posts(30)

    def entries_read() -> int:
        refresh_counters(audience.operator)
        query = "SELECT idx_tup_read AS n FROM pg_stat_user_indexes WHERE indexrelname = %s"
        return int(audience.row(query, "engagement_queue_pkey")["n"])

    with psycopg.connect(audience.database.admin_url) as forgotten:
        forgotten.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        forgotten.execute("SELECT count(*) FROM posts")
        for _ in range(20):
            audience.record(uuid4(), [watch(post) for post in posts])
        # The operator counts them, because another session would show its reads only some time
        # after it has ended.
        audience.row("SELECT * FROM roll_up(10000)")
        audience.record(uuid4(), [watch(post) for post in posts])
        audience.operator.execute("SET enable_seqscan = off")
        begun = audience.row("SELECT waiting, from_no FROM begin_upkeep(100)")
        before = entries_read()
        for share in range(4):
            audience.row("SELECT * FROM roll_up(100, %s, 4, %s)", share, begun["from_no"])
        # Each share looks at the 30 events, and each event is then taken by its number. The 600
        # dead rows before them are passed over by begin_upkeep alone.
        assert entries_read() - before <= 4 * 30 + 30
        assert audience.queued() == 0
