"""How much neighbours count beside the heat, as the roll-up learns it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.engagement.audience import Audience, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime.now(UTC).replace(microsecond=0)


def share(audience: Audience) -> float:
    (row,) = audience.rows("SELECT neighbours FROM heat_mix")
    return float(row["neighbours"])


def follow(audience: Audience, posts: Sequence[UUID], ago: timedelta = timedelta(0)) -> None:
    """One viewer watches posts one after another."""
    audience.record(uuid4(), [watch(post, 1.0) for post in posts], NOW - ago)


def test_viewers_who_go_on_to_the_same_post_teach_that_neighbours_count(
    audience: Audience,
) -> None:
    first, second, *hot = audience.add_posts(12)
    for post in hot * 10:
        follow(audience, [post], timedelta(minutes=2))
    for _ in range(20):
        follow(audience, [first, second], timedelta(minutes=1))
    audience.roll_up()
    before = share(audience)
    for _ in range(3):
        for _ in range(100):
            follow(audience, [first, second])
        audience.roll_up()
    assert share(audience) > before + 0.05


def test_viewers_who_go_on_to_what_is_hot_teach_that_neighbours_count_little(
    audience: Audience,
) -> None:
    hot, *others = audience.add_posts(40)
    for _ in range(60):
        follow(audience, [hot], timedelta(minutes=1))
    audience.roll_up()
    before = share(audience)
    for turn in range(3):
        for n in range(13):
            follow(audience, [others[13 * turn + n], hot])
        audience.roll_up()
    assert share(audience) < before


def test_a_flood_moves_the_share_by_a_twentieth_at_most_and_within_its_bounds(
    audience: Audience,
) -> None:
    first, second = audience.add_posts(2)
    follow(audience, [first, second], timedelta(hours=1))
    audience.roll_up()
    before = share(audience)
    for _ in range(400):
        follow(audience, [first, second])
    audience.roll_up()
    assert before - 0.05 <= share(audience) <= before + 0.05
    audience.rows("UPDATE heat_mix SET neighbours = 0.75 RETURNING neighbours")
    for _ in range(200):
        follow(audience, [first, second])
    audience.roll_up()
    assert share(audience) <= 0.75


def test_nothing_is_learnt_of_neighbours_while_the_learning_is_off_or_nobody_goes_on(
    audience: Audience,
) -> None:
    first, second = audience.add_posts(2)
    follow(audience, [first])
    audience.roll_up()
    before = share(audience)
    follow(audience, [second])
    audience.roll_up()
    assert share(audience) == before
    audience.rows("SELECT set_heat_mix(NULL, false)")
    for _ in range(20):
        follow(audience, [first, second])
    audience.roll_up()
    assert share(audience) == before


def test_operators_set_the_share_without_touching_the_mix_of_half_lives(
    audience: Audience,
) -> None:
    before = audience.row("SELECT weights, learning FROM heat_mix")
    audience.rows("SELECT set_heat_mix(NULL, NULL, 0.4)")
    assert share(audience) == 0.4
    assert audience.row("SELECT weights, learning FROM heat_mix") == before
    audience.rows("SELECT set_heat_mix(ARRAY[0, 0, 0, 1]::float8[])")
    audience.rows("SELECT set_heat_mix(NULL, false)")
    assert share(audience) == 0.4


@pytest.mark.parametrize("refused", [-0.01, 0.91, math.nan, math.inf, -math.inf])
def test_a_share_that_is_none_is_refused_and_changes_nothing(
    audience: Audience, refused: float
) -> None:
    before = audience.row("SELECT * FROM heat_mix")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="share of neighbours"):
        audience.rows("SELECT set_heat_mix(ARRAY[1, 0, 0, 0]::float8[], false, %s)", refused)
    assert audience.row("SELECT * FROM heat_mix") == before


@pytest.mark.parametrize("given", [0.0, 0.9])
def test_the_learning_goes_on_from_a_share_that_was_set_beyond_its_bounds(
    audience: Audience, given: float
) -> None:
    first, second = audience.add_posts(2)
    follow(audience, [first, second])
    audience.roll_up()
    audience.rows("SELECT set_heat_mix(NULL, NULL, %s)", given)
    follow(audience, [first, second])
    audience.roll_up()
    assert 0.05 <= share(audience) <= 0.75


def test_how_likely_neighbours_make_a_post_by_hand(audience: Audience) -> None:
    known, unknown, following, other = audience.add_posts(4)
    for next_post, slow, fast in ((following, 3, 2), (other, 1, 1)):
        audience.operator.execute(
            "INSERT INTO post_covisits (post_id, next_post_id, score, fast_score)"
            " VALUES (%s, %s, vroom_private.hot_score(%s, %s),"
            " vroom_private.hot_score(%s, %s, interval '2 hours'))",
            [known, next_post, NOW, slow, NOW, fast],
        )
    for before in ([known, unknown], [unknown, known], [unknown]):
        audience.operator.execute(
            "INSERT INTO engagement_queue (post_id, creator_id, at, weight, after_posts)"
            " SELECT id, creator_id, %s, 1, %s FROM posts WHERE id = %s",
            [NOW, before, following],
        )
    rows = audience.rows(
        "SELECT follows FROM vroom_private.judged_neighbours("
        "(SELECT array_agg(q ORDER BY q.queue_no) FROM engagement_queue q)) ORDER BY queue_no"
    )
    # Three of four viewers went on to the post in the long run, and two of three of late. Five are
    # added to each whole, the two figures count by half, and the second post back by 0.7.
    likely = 0.5 * (3 / (4 + 5) + 2 / (3 + 5))
    expected = [likely / 1.7, 0.7 * likely / 1.7, 0.0]
    assert [row["follows"] for row in rows] == pytest.approx(expected)
