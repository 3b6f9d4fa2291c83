"""The learnt mix after what seldom happens: a restore, a day without events, one viewer's flood."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import pytest

from shared.ranking_config import RankingConfig, with_mix
from tests.integration.engagement.audience import Audience, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime.now(UTC).replace(microsecond=0)
FLOOR = 0.05
ONE_RUN = 0.1  # what one run of the roll-up moves a weight by at most


def mix(audience: Audience) -> list[float]:
    """The weights, which are usable whatever has happened."""
    row = audience.row("SELECT weights, neighbours, reward FROM heat_mix")
    weights = list(row["weights"])
    assert all(map(math.isfinite, [*weights, row["neighbours"], row["reward"]]))
    assert math.isclose(sum(weights), 1.0)
    assert min(weights) >= FLOOR
    assert with_mix(RankingConfig(), [*weights, row["neighbours"]]).mix == pytest.approx(weights)
    return weights


def watched(audience: Audience, posts: Sequence[UUID], at: datetime) -> None:
    for post in posts:
        audience.record(uuid4(), [watch(post, 1.0)], at)


def learnt(audience: Audience) -> list[UUID]:
    """Posts, and a mix that has learnt from a few runs."""
    posts = audience.add_posts(20)
    watched(audience, posts, NOW - timedelta(days=2))
    audience.roll_up()
    for minutes in (9, 6, 3):
        watched(audience, posts[:5], NOW - timedelta(minutes=minutes))
        audience.roll_up()
    return posts


RESTORES: dict[str, LiteralString] = {
    "all of it, as it was a week ago": (
        "UPDATE heat_mix SET totals = ARRAY(SELECT t - 7 * 86400 / extract(epoch FROM h)"
        " FROM unnest(totals, vroom_private.heat_half_lives()) AS u(t, h))"
    ),
    "a year ago": (
        "UPDATE heat_mix SET totals = ARRAY(SELECT t - 365 * 86400 / extract(epoch FROM h)"
        " FROM unnest(totals, vroom_private.heat_half_lives()) AS u(t, h))"
    ),
    "of a server whose clock ran a day ahead": (
        "UPDATE heat_mix SET totals = ARRAY(SELECT t + 86400 / extract(epoch FROM h)"
        " FROM unnest(totals, vroom_private.heat_half_lives()) AS u(t, h))"
    ),
    "without the heat of any post": "DELETE FROM post_heat",
    "without the heat of all posts together": "UPDATE heat_mix SET totals = NULL",
    "with the weights that an operator had set": "SELECT set_heat_mix(ARRAY[1, 0, 0, 0]::float8[])",
}


@pytest.mark.parametrize("restored", RESTORES.values(), ids=RESTORES)
def test_after_a_restore_the_mix_is_learnt_on(audience: Audience, restored: LiteralString) -> None:
    posts = learnt(audience)
    audience.operator.execute(restored)
    for _ in range(3):
        watched(audience, posts[:3], NOW)
        audience.roll_up()
        mix(audience)


def test_a_day_without_events_changes_nothing_and_the_next_event_is_learnt_from(
    audience: Audience,
) -> None:
    posts = learnt(audience)
    before = mix(audience)
    for _ in range(3):
        audience.roll_up()
    assert mix(audience) == before
    # After the silence the heat of minutes has gone: it is as small as a figure may be.
    for at in (NOW + timedelta(days=1), NOW + timedelta(days=30)):
        before = mix(audience)
        watched(audience, posts[:3], at)
        audience.roll_up()
        after = mix(audience)
        assert after != before
        assert all(abs(a - b) <= ONE_RUN for a, b in zip(after, before, strict=True))


def test_only_impressions_and_no_watch_teach_nothing(audience: Audience) -> None:
    posts = learnt(audience)
    before = mix(audience)
    audience.see(uuid4(), posts)
    audience.roll_up()
    assert mix(audience) == before


def test_one_viewers_flood_moves_the_mix_as_far_as_the_allowance_goes_and_no_further(
    audience: Audience,
) -> None:
    learnt(audience)
    flooded = audience.add_posts(300)
    before = mix(audience)
    audience.operator.execute(
        "UPDATE feed_settings SET events_at_once = 40, events_per_second = 1e-6"
    )
    viewer = uuid4()
    for first in range(0, 300, 100):
        audience.record(viewer, [watch(post, 1.0) for post in flooded[first : first + 100]])
    assert audience.queued() == 40
    audience.roll_up()
    after = mix(audience)
    assert all(abs(a - b) <= ONE_RUN for a, b in zip(after, before, strict=True))
    # Nothing that the viewer sends now counts any more, liked or watched again or otherwise.
    for _ in range(3):
        audience.record(viewer, [watch(post, 2.0, liked=True) for post in flooded[:100]])
        audience.roll_up()
    assert mix(audience) == after


def test_a_flood_within_the_allowance_moves_no_weight_by_more_than_a_tenth_a_run(
    audience: Audience,
) -> None:
    learnt(audience)
    flooded = audience.add_posts(300)
    viewer = uuid4()
    for first in range(0, 300, 100):
        audience.record(viewer, [watch(post, 1.0) for post in flooded[first : first + 100]])
    assert audience.queued() == 300
    while audience.queued():
        before = mix(audience)
        audience.roll_up(max_rows=50)
        after = mix(audience)
        assert all(abs(a - b) <= ONE_RUN for a, b in zip(after, before, strict=True))
