"""The hot score: its copies, and its half-life."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from tests.integration.engagement.audience import minutes_ago, watch
from tests.integration.engagement.reference import EPOCH

if TYPE_CHECKING:
    from tests.integration.engagement.audience import Audience


def test_a_tags_copy_of_the_hot_score_follows_by_half_a_half_life(audience: Audience) -> None:
    (post,) = audience.add_posts(1, tags=["cats"])

    def lag() -> float:
        row = audience.row(
            "SELECT s.hot_score - t.hot_score AS lag"
            " FROM post_stats s JOIN post_tags t USING (post_id)"
        )
        return float(row["lag"])

    audience.record(uuid4(), [watch(post, 0.3)])
    audience.roll_up()
    assert 0.3 < lag() < 0.5
    audience.record(uuid4(), [watch(post, 0.5)])
    audience.roll_up()
    assert lag() == 0


def test_the_order_of_posts_stays_when_the_half_life_changes(audience: Audience) -> None:
    posts = audience.add_posts(30, tags=["cats"], age=timedelta(days=3))
    for number in range(12):
        audience.record(
            uuid4(), [watch(post, 1.0) for post in posts[number::3]], minutes_ago(60 * number)
        )
    audience.roll_up()

    def orders() -> list[list[tuple[object, ...]]]:
        return [
            [tuple(row.values()) for row in audience.rows(query)]
            for query in (
                "SELECT post_id FROM post_stats ORDER BY hot_score DESC, post_id",
                "SELECT post_id FROM post_tags ORDER BY hot_score DESC, post_id",
                "SELECT post_id, next_post_id FROM post_covisits ORDER BY score DESC, 1, 2",
            )
        ]

    before = orders()
    hottest = audience.stats(posts[0])["hot_score"]
    audience.operator.execute("SELECT set_hot_half_life('6 hours')")
    assert orders() == before
    assert audience.stats(posts[0])["hot_score"] == pytest.approx(4 * hottest)
    (newest,) = audience.add_posts(1)
    want = (audience.stats(newest)["published_at"] - EPOCH).total_seconds() / (6 * 3600)
    assert audience.stats(newest)["hot_score"] == pytest.approx(want)
    audience.record(uuid4(), [watch(newest, 1.0)])
    audience.roll_up()
    assert audience.stats(newest)["hot_score"] == pytest.approx(want + 1, abs=1e-2)


@pytest.mark.parametrize("half_life", ["0", "-1 day", "59 seconds", None])
def test_a_half_life_that_makes_no_sense_is_refused(
    audience: Audience, half_life: str | None
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        audience.operator.execute("SELECT set_hot_half_life(%s::interval)", [half_life])


def test_posts_that_come_while_the_half_life_changes_are_scored_by_the_new_one(
    audience: Audience,
) -> None:
    with psycopg.connect(audience.database.admin_url) as changing:
        changing.execute("SELECT set_hot_half_life('12 hours')")
        with psycopg.connect(audience.database.admin_url) as adding:
            adding.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                adding.execute(
                    "INSERT INTO posts (creator_id, mux_ready, mux_playback_id)"
                    " VALUES (gen_random_uuid(), true, 'p')"
                )
    (post,) = audience.add_posts(1)
    want = (audience.stats(post)["published_at"] - EPOCH).total_seconds() / (12 * 3600)
    assert audience.stats(post)["hot_score"] == pytest.approx(want)
