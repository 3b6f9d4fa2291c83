"""The roll-up and retention at work on rows that somebody else is changing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, LiteralString
from uuid import uuid4

import psycopg

from tests.integration.database.stopping import stopped_after, wait_for_lock, wait_or_end
from tests.integration.engagement.audience import watch
from tests.integration.engagement.test_heat import heat, seen

if TYPE_CHECKING:
    from tests.integration.engagement.audience import Audience


def test_a_cold_post_that_is_just_being_watched_again_is_not_forgotten(audience: Audience) -> None:
    (post,) = audience.add_posts(1)
    seen(audience, post, [timedelta(days=20)])
    audience.roll_up()
    audience.record(uuid4(), [watch(post, 1.0)])
    url = audience.database.admin_url
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(url, autocommit=True) as pruning,
        psycopg.connect(url) as counting,
    ):
        counting.execute("SELECT roll_up(100)")
        forgotten = pool.submit(pruning.execute, "SELECT vroom_private.forget_cold_posts(100)")
        wait_or_end(audience.operator, pruning, forgotten)
        counting.commit()
        assert forgotten.result(timeout=30).fetchone() == (0,)
    assert set(heat(audience)) == {post}


def test_a_post_that_is_deleted_while_its_events_are_counted_has_no_heat(
    audience: Audience,
) -> None:
    gone, kept = audience.add_posts(2)
    for post in (gone, kept):
        audience.record(uuid4(), [watch(post, 1.0)])
    url, watcher = audience.database.admin_url, audience.operator
    with (
        ThreadPoolExecutor(1) as pool,
        stopped_after(watcher, url, "INSERT", "creator_quality") as (counting, go_on),
    ):

        def count() -> None:
            counting.execute("SELECT roll_up(100)")
            counting.commit()

        counted = pool.submit(count)
        # The events have been taken, and the figures of their posts are not locked yet.
        wait_for_lock(watcher, counting, "advisory", counted)
        watcher.execute("DELETE FROM posts WHERE id = %s", [gone])
        go_on()
        counted.result(timeout=30)
    assert set(heat(audience)) == {kept}


def test_a_row_of_a_deleted_post_that_the_roll_up_is_removing_is_left_to_it(
    audience: Audience,
) -> None:
    audience.operator.execute(
        "INSERT INTO cohort_posts (cohort, post_id, score)"
        " VALUES ('phone/late/', gen_random_uuid(), 1), ('tv/late/', gen_random_uuid(), 1)"
    )
    remove: LiteralString = (
        "SELECT vroom_private.remove_orphans('cohort_posts', 'cohort', '{post_id}', 10) AS removed"
    )
    audience.operator.execute("SET lock_timeout = '100ms'")
    with psycopg.connect(audience.database.admin_url) as counting:
        counting.execute("DELETE FROM cohort_posts WHERE cohort = 'tv/late/'")
        assert audience.row(remove) == {"removed": 1}
        counting.rollback()
    assert audience.row(remove) == {"removed": 1}
