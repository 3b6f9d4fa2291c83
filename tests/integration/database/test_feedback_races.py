"""Feedback that is given or changed while somebody else works on the same rows."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg

from tests.conftest import Database
from tests.integration.database.feedback import GIVE, World
from tests.integration.database.stopping import stopped_after, wait_for_lock, wait_or_end

VIEWER, CREATOR = uuid.uuid4(), uuid.uuid4()


def test_a_report_that_is_being_given_during_a_verdict_counts_no_longer(
    world: World, database: Database
) -> None:
    post = world.post(CREATOR)
    world.operator.execute("INSERT INTO viewer_last_seen VALUES (%s, %s, now())", [VIEWER, post])
    url, watcher = database.admin_url, world.operator
    with (
        ThreadPoolExecutor(2) as pool,
        psycopg.connect(url, autocommit=True) as reviewing,
        stopped_after(watcher, url, "INSERT", "engagement_queue") as (reporting, go_on),
    ):

        def report() -> None:
            reporting.execute(GIVE, [VIEWER, "report", post, None, False])
            reporting.commit()

        def review() -> None:
            reviewing.execute("SELECT review_post(%s, 'restored')", [post])

        reported = pool.submit(report)
        # The report stands in the queue, and nobody sees it yet.
        wait_for_lock(watcher, reporting, "advisory", reported)
        reviewed = pool.submit(review)
        wait_or_end(watcher, reviewing, reviewed)
        go_on()
        reported.result(timeout=30)
        reviewed.result(timeout=30)
    world.roll_up()
    assert world.state(post) == ("public", 0)
    # The report counts no longer, so that to take it back changes nothing either.
    world.reported(post, 1)
    assert world.give(VIEWER, "report", post, undo=True) == "undone"
    world.roll_up()
    assert world.state(post) == ("public", 1)


def test_feedback_that_somebody_is_changing_is_retired_in_the_next_round(
    world: World, database: Database
) -> None:
    gone = [world.post(CREATOR), world.post(CREATOR)]
    for post in gone:
        world.give(VIEWER, "not_interested", post)
    world.operator.execute("DELETE FROM posts")
    retire: LiteralString = "SELECT vroom_private.retire_feedback(10, '0') AS gone"
    world.operator.execute("SET lock_timeout = '100ms'")
    with psycopg.connect(database.admin_url) as changing:
        changing.execute("UPDATE feedback SET taken = '{}' WHERE post_id = %s", [gone[0]])
        assert world.operator.execute(retire).fetchone() == {"gone": 1}
    assert world.operator.execute(retire).fetchone() == {"gone": 1}
