"""The roll-up in shares: several sessions count at once, and every event counts exactly once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.database.clients import at_once
from tests.integration.engagement.audience import watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.engagement.audience import Audience

SHARES = 4
POSTS = 80  # of random creators: that one of four shares gets none of them has a chance of 10^-10
ROLL_UP: LiteralString = "SELECT busy, events FROM roll_up(%s, %s, %s)"
# Watches of posts in turn, each after the five posts before, over two hours.
EVENTS: LiteralString = """
INSERT INTO engagement_queue (
  post_id, creator_id, at, impressions, plays, watch_ratio, likes, weight, observed_watch_ratio,
  observed_like, duration_ms, after_posts, cohorts)
SELECT s.post_id, s.creator_id, '2026-11-01Z'::timestamptz + n * interval '2 seconds',
       n %% 2, 1, 0.5, n %% 3 / 2, 0.5 + n %% 3 / 2, 0.5, n %% 3 = 2, 20000,
       ARRAY(SELECT o.post_id FROM known o WHERE o.place <> s.place
             AND (s.place - o.place + s.posts) %% s.posts <= 5 ORDER BY o.place), ARRAY['all']
FROM generate_series(1, %s) AS n
JOIN known s ON s.place = n * 7 %% s.posts
ORDER BY n
"""
KNOWN: LiteralString = (
    "CREATE TEMP TABLE known AS SELECT post_id, creator_id,"
    " row_number() OVER (ORDER BY post_id) - 1 AS place, count(*) OVER () AS posts FROM post_stats"
)
FIGURES: dict[str, LiteralString] = {
    "post_stats": (
        "SELECT post_id, impressions, plays, likes, watch_ratio_sum, hot_score FROM post_stats"
    ),
    "creator_quality": (
        "SELECT creator_id, samples, plays, watch_ratio_sum, rolling_watch_ratio,"
        " rolling_like_rate FROM creator_quality"
    ),
    "post_heat": "SELECT post_id, heat[1], heat[4] FROM post_heat",
    "post_covisits": "SELECT post_id, next_post_id, score FROM post_covisits",
    "cohort_posts": "SELECT cohort, post_id, score FROM cohort_posts",
    "watch_norms": "SELECT bucket, plays, watch_ratio_sum FROM watch_norms",
    "heat_mix": "SELECT only_row, totals[1], totals[4] FROM heat_mix",
}
RESET: tuple[LiteralString, ...] = (
    "TRUNCATE creator_quality, post_heat, post_covisits, cohort_posts, watch_norms, heat_mix",
    "INSERT INTO heat_mix DEFAULT VALUES",
    (
        "UPDATE post_stats SET impressions = 0, plays = 0, likes = 0, watch_ratio_sum = 0,"
        " hot_score = 0"
    ),
)


def count(audience: Audience, share: int, of_shares: int, max_rows: int = 50) -> int:
    """Count a share until nothing of it is left, and return how many events there were."""
    counted = 0
    with psycopg.connect(audience.database.app_url, autocommit=True) as connection:
        while True:
            row = connection.execute(ROLL_UP, [max_rows, share, of_shares]).fetchone()
            assert row is not None
            assert not row[0], "another session counts this share"
            events = int(row[1])
            counted += events
            if events < max_rows:
                return counted


def count_all(audience: Audience, of_shares: int = SHARES, max_rows: int = 50) -> list[int]:
    """Count all shares at once, and return what each of them counted."""
    return at_once(
        [partial(count, audience, share, of_shares, max_rows) for share in range(of_shares)]
    )


def figures(audience: Audience) -> dict[str, dict[tuple[str, ...], list[float]]]:
    """Return all figures: for each table the numbers of a row by its key."""
    found: dict[str, dict[tuple[str, ...], list[float]]] = {}
    for table, query in FIGURES.items():
        rows = [list(row.values()) for row in audience.rows(query)]
        keys = [tuple(str(v) for v in row if not isinstance(v, int | float)) for row in rows]
        numbers = [[float(v) for v in row if isinstance(v, int | float)] for row in rows]
        if table in ("watch_norms", "heat_mix"):  # their keys are numbers
            keys = [(str(row[0]),) for row in rows]
        found[table] = dict(zip(keys, numbers, strict=True))
    return found


def test_four_shares_count_as_one_does(audience: Audience) -> None:
    audience.add_posts(30, tags=["cats"])
    audience.operator.execute(KNOWN)
    for statement in RESET:
        audience.operator.execute(statement)
    audience.operator.execute(EVENTS, [600])
    assert count_all(audience, 1, 10_000) == [600]
    alone = figures(audience)
    for statement in RESET:
        audience.operator.execute(statement)
    audience.operator.execute(EVENTS, [600])
    counted = count_all(audience, SHARES, 10_000)
    assert sum(counted) == 600
    assert sum(events > 0 for events in counted) > 1
    together = figures(audience)
    for table, rows in alone.items():
        assert together[table].keys() == rows.keys(), table
        for key, numbers in rows.items():
            # What decays from the present on differs by the seconds between the two counts.
            assert together[table][key] == pytest.approx(numbers, rel=1e-4), (table, key)


def test_shares_count_while_viewers_add_to_the_same_posts(audience: Audience) -> None:
    posts = audience.add_posts(12)
    viewers = [uuid4() for _ in range(24)]

    def view(viewer: UUID) -> list[int]:
        audience.record(viewer, [watch(post, 1.0, liked=True) for post in posts])
        return []

    tasks: list[Any] = [partial(view, viewer) for viewer in viewers]
    early = at_once([*tasks, lambda: count_all(audience, SHARES, 7)])
    assert sum(map(sum, early)) + sum(count_all(audience)) == 24 * 12
    for post in posts:
        found = audience.stats(post)
        assert (found["plays"], found["likes"], found["watch_ratio_sum"]) == (24, 24, 24.0)


def test_one_post_is_counted_by_one_share_and_in_order(audience: Audience) -> None:
    (post,) = audience.add_posts(1)
    ratios = [n / 100 for n in range(100)]
    for ratio in ratios:
        audience.record(uuid4(), [watch(post, ratio)])
    assert sorted(count_all(audience, SHARES, 9)) == [0, 0, 0, 100]
    average = ratios[0]
    for ratio in ratios[1:]:
        average = 0.2 * ratio + 0.8 * average
    quality = audience.row("SELECT rolling_watch_ratio, samples FROM creator_quality")
    assert quality["samples"] == 100
    assert quality["rolling_watch_ratio"] == pytest.approx(average, abs=1e-9)


def test_a_share_that_is_killed_has_counted_nothing_and_holds_up_no_other(
    audience: Audience,
) -> None:
    posts = audience.add_posts(POSTS)
    audience.record(uuid4(), [watch(post, 1.0) for post in posts])
    url = audience.database.admin_url
    with (
        psycopg.connect(url) as holder,
        psycopg.connect(url, autocommit=True) as victim,
        ThreadPoolExecutor(1) as pool,
    ):
        # In the middle of its work the victim waits for the figures of a post of its share.
        held = holder.execute(
            "SELECT s.post_id FROM post_stats s"
            " WHERE vroom_private.roll_up_slice(s.creator_id) % 4 = 2 FOR UPDATE"
        ).fetchall()
        lost = pool.submit(victim.execute, ROLL_UP, [100, 2, SHARES])
        waits = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
        while holder.execute(waits, [victim.info.backend_pid]).fetchone() == (0,):
            assert not lost.done()
        assert sum(count(audience, share, SHARES) for share in (0, 1, 3)) == POSTS - len(held)
        # It has let go of its locks only once it has ended.
        holder.execute("SELECT pg_terminate_backend(%s, 5000)", [victim.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            lost.result()
    assert audience.queued() == len(held) > 0
    assert sum(count_all(audience)) == len(held)
    assert {audience.stats(post)["plays"] for post in posts} == {1}


@pytest.mark.parametrize(
    ("share", "of_shares", "busy"),
    [
        (0, 1, True),
        (0, 2, True),
        (1, 2, False),
        (0, 4, True),
        (1, 4, False),
        (2, 4, True),
        (1, 3, True),
    ],
)
def test_shares_of_another_number_never_meet(
    audience: Audience, share: int, of_shares: int, *, busy: bool
) -> None:
    posts = audience.add_posts(POSTS)
    audience.record(uuid4(), [watch(post, 1.0) for post in posts])
    with psycopg.connect(audience.database.admin_url) as working:
        working.execute("SELECT vroom_private.try_lock_task('roll_up', 0, 2)")
        row = audience.operator.execute(ROLL_UP, [100, share, of_shares]).fetchone()
        assert row is not None
        assert row["busy"] is busy
        assert (row["events"] > 0) is not busy
    count_all(audience, 3)
    assert audience.queued() == 0
    assert {audience.stats(post)["plays"] for post in posts} == {1}


def test_lists_that_shares_trim_at_once_end_in_no_deadlock(audience: Audience) -> None:
    audience.add_posts(160)
    audience.operator.execute(KNOWN)
    # Each list gets 53 posts, which are of all shares. That is more than a list keeps.
    audience.operator.execute(EVENTS.replace("<= 5", "%% 3 = 0"), [3_200])
    assert sum(count_all(audience, SHARES, 100)) == 3_200
    before = lengths(audience)
    audience.operator.execute(EVENTS.replace("<= 5", "%% 3 = 0"), [160])
    assert sum(count_all(audience, 1, 1_000)) == 160
    assert before[0] >= 24
    # Counted by one alone, the lists have their length again.
    assert max(lengths(audience)) <= 40
    assert audience.row("SELECT count(*) AS n FROM cohort_posts")["n"] == 100


def lengths(audience: Audience) -> Sequence[int]:
    rows = audience.rows("SELECT count(*) AS n FROM post_covisits GROUP BY post_id ORDER BY 1")
    return [int(row["n"]) for row in rows]


@pytest.mark.parametrize(("share", "of_shares"), [(0, 0), (-1, 4), (4, 4), (0, 65)])
def test_a_share_that_there_is_not_is_refused(
    audience: Audience, share: int, of_shares: int
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="1 to 64 shares"):
        audience.operator.execute(ROLL_UP, [10, share, of_shares])
