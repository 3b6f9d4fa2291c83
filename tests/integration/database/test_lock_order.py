"""The order in which transactions lock rows: nobody waits in a circle, or longer than needed."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg

from tests.conftest import Database
from tests.integration.database.feedback import World
from tests.integration.database.stopping import stopped_after, wait_for_lock, wait_or_end

VIEWER, CREATOR = uuid.uuid4(), uuid.uuid4()


def test_a_verdict_on_a_post_that_is_being_changed_waits_for_the_change(
    world: World, database: Database
) -> None:
    post = world.post(CREATOR)
    world.reported(post, 1)
    world.roll_up()
    url, watcher = database.admin_url, world.operator
    with (
        ThreadPoolExecutor(2) as pool,
        psycopg.connect(url, autocommit=True) as reviewing,
        # It has locked the post, and not its figures yet.
        stopped_after(watcher, url, "UPDATE", "posts", trigger="posts_0") as (changing, go_on),
    ):

        def change() -> None:
            changing.execute("UPDATE posts SET caption = 'new' WHERE id = %s", [post])
            changing.commit()

        def review() -> None:
            reviewing.execute("SELECT review_post(%s, 'restored')", [post])

        changed = pool.submit(change)
        wait_for_lock(watcher, changing, "advisory", changed)
        reviewed = pool.submit(review)
        wait_or_end(watcher, reviewing, reviewed)
        go_on()
        changed.result(timeout=30)
        reviewed.result(timeout=30)
    assert world.state(post) == ("public", 0)


def test_posts_that_are_deleted_together_are_locked_in_the_order_of_the_roll_up(
    world: World, database: Database
) -> None:
    first, last = sorted([uuid.uuid4(), uuid.uuid4()])
    for post in (last, first):
        world.operator.execute(
            "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id)"
            " VALUES (%s, %s, true, 'play')",
            [post, CREATOR],
        )
    lock: LiteralString = "SELECT FROM post_stats WHERE post_id = %s FOR NO KEY UPDATE"
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database.admin_url, autocommit=True) as deleting,
        psycopg.connect(database.admin_url) as counting,
    ):
        counting.execute(lock, [first])
        deleted = pool.submit(deleting.execute, "DELETE FROM posts")
        wait_for_lock(world.operator, deleting, "transactionid", deleted)
        counting.execute(lock, [last])
        counting.commit()
        assert deleted.result(timeout=30).rowcount == 2


def test_an_erasure_that_waits_for_the_roll_up_holds_up_nothing_of_its_viewer(
    world: World, database: Database
) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database.admin_url, autocommit=True) as erasing,
        psycopg.connect(database.admin_url) as counting,
    ):
        counting.execute("SELECT vroom_private.lock_task('roll_up')")
        erase: LiteralString = "SELECT complete FROM erase_viewer(%s, true)"
        erased = pool.submit(erasing.execute, erase, [VIEWER])
        wait_for_lock(world.operator, erasing, "transactionid", erased)
        world.operator.execute("SET lock_timeout = '100ms'")
        world.operator.execute("SELECT vroom_private.lock_viewer(%s)", [VIEWER])
        world.operator.execute("SELECT vroom_private.lock_histories(ARRAY[%s::uuid])", [VIEWER])
        counting.commit()
        assert erased.result(timeout=30).fetchone() == (True,)
