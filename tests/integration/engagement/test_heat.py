"""The heat of posts at several time scales, and the mix of scales that the roll-up learns."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.heat import HALF_LIVES_S, Thermometer
from shared.ranking_config import RankingConfig
from tests.integration.engagement.audience import Audience, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime.now(UTC).replace(microsecond=0)


def heat(audience: Audience) -> dict[UUID, tuple[float, ...]]:
    """What each post's heat amounts to now."""
    read = Thermometer(NOW).read
    return {r["post_id"]: read(r["heat"]) for r in audience.rows("SELECT * FROM post_heat")}


def mix(audience: Audience) -> list[float]:
    (row,) = audience.rows("SELECT weights FROM heat_mix")
    return list(row["weights"])


def seen(audience: Audience, post: UUID, ages: Sequence[timedelta]) -> None:
    for age in ages:
        audience.record(uuid4(), [watch(post, 1.0)], NOW - age)


def test_a_post_is_as_hot_as_its_watches_decayed_by_each_half_life(audience: Audience) -> None:
    post, other = audience.add_posts(2)
    ages = [timedelta(minutes=m) for m in (0, 8, 60)]
    seen(audience, post, ages)
    audience.roll_up()
    seen(audience, post, [timedelta(hours=6)])  # comes late, into another run
    audience.roll_up()
    want = tuple(
        sum(2 ** (-age.total_seconds() / half) for age in (*ages, timedelta(hours=6)))
        for half in HALF_LIVES_S
    )
    found = heat(audience)
    assert found == {post: pytest.approx(want)}
    assert other not in found
    (row,) = audience.rows("SELECT totals FROM heat_mix")
    assert Thermometer(NOW).read(row["totals"]) == pytest.approx(want)


def test_the_half_lives_are_those_that_the_ranking_reads(audience: Audience) -> None:
    (row,) = audience.rows("SELECT vroom_private.heat_half_lives() AS known")
    assert tuple(h.total_seconds() for h in row["known"]) == HALF_LIVES_S
    assert len(RankingConfig().mix) == len(HALF_LIVES_S)


def test_the_heat_of_a_deleted_post_is_gone_and_cold_posts_are_forgotten(
    audience: Audience,
) -> None:
    gone, cold, warm = audience.add_posts(3)
    seen(audience, gone, [timedelta(0)])
    seen(audience, cold, [timedelta(days=20)])
    seen(audience, warm, [timedelta(days=2)])
    audience.roll_up()
    audience.rows("DELETE FROM posts WHERE id = %s RETURNING id", gone)
    (row,) = audience.rows("SELECT vroom_private.forget_cold_posts(100) AS removed")
    assert row["removed"] == 1
    assert set(heat(audience)) == {warm}


def test_a_day_of_bursts_teaches_minutes_and_steady_favourites_teach_a_day(
    audience: Audience,
) -> None:
    """What was hot in minutes goes on being watched; then it is what was hot for a day."""
    bursting, steady = audience.add_posts(2)
    seen(audience, steady, [timedelta(hours=20)] * 30)
    seen(audience, bursting, [timedelta(minutes=3)] * 10)
    audience.roll_up()
    before = mix(audience)
    for _ in range(5):
        seen(audience, bursting, [timedelta(0)] * 3)
        audience.roll_up()
    fast = mix(audience)
    assert fast[0] > before[0] > 0.05 <= fast[3] < before[3]
    for _ in range(10):
        seen(audience, steady, [timedelta(0)] * 3)
        audience.roll_up()
        audience.rows("DELETE FROM post_heat WHERE post_id = %s RETURNING post_id", bursting)
    assert mix(audience)[3] > fast[3]
    assert math.isclose(sum(mix(audience)), 1.0)


def test_one_flood_moves_no_weight_far_and_keeps_every_floor(audience: Audience) -> None:
    posts = audience.add_posts(20)
    seen(audience, posts[0], [timedelta(hours=10)])
    audience.roll_up()
    before = mix(audience)
    viewer = uuid4()
    for _ in range(5):
        audience.record(viewer, [watch(post, 1.0) for post in posts], NOW)
    audience.roll_up()
    after = mix(audience)
    assert all(abs(a - b) < 0.05 for a, b in zip(after, before, strict=True))
    assert min(after) >= 0.05


def test_operators_set_the_mix_and_stop_the_learning(audience: Audience) -> None:
    (post,) = audience.add_posts(1)
    audience.rows("SELECT set_heat_mix(ARRAY[0, 0, 0, 1]::float8[], false)")
    pinned = mix(audience)
    assert pinned[3] > 0.99
    for _ in range(3):
        seen(audience, post, [timedelta(0)] * 3)
        audience.roll_up()
    assert mix(audience) == pinned
    audience.rows("SELECT set_heat_mix(NULL, true)")
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        audience.rows("SELECT set_heat_mix(ARRAY[1, 2]::float8[])")
