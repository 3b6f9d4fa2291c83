"""What operators see of reports: how many, how fast, and whether the reporters are known."""

import uuid
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.integration.database.clients import call
from tests.integration.database.feedback import THRESHOLD, World

CREATOR = uuid.uuid4()


def reported(world: World, within: str = "1 hour") -> dict[UUID, dict[str, Any]]:
    rows = world.operator.execute("SELECT * FROM reported_posts(%s::interval)", [within])
    return {row["post_id"]: row for row in rows}


def spread(world: World, post: UUID, apart: str) -> None:
    """Move the reports of a post so far apart, the last one as it is."""
    world.operator.execute(
        "UPDATE feedback f SET created_at = later.last_at - later.n * %s::interval"
        " FROM (SELECT id, max(created_at) OVER () AS last_at,"
        "              row_number() OVER (ORDER BY created_at DESC) - 1 AS n"
        "       FROM feedback WHERE post_id = %s) later WHERE later.id = f.id",
        [apart, post],
    )


def test_a_burst_is_told_from_as_many_reports_over_days(world: World) -> None:
    burst, slow = world.post(CREATOR), world.post(CREATOR)
    for post in (burst, slow):
        world.reported(post, THRESHOLD)
    spread(world, burst, "1 minute")
    spread(world, slow, "1 day")
    world.roll_up()
    rows = reported(world)
    assert set(rows) == {burst, slow}
    for row in rows.values():
        assert row["reports"] == THRESHOLD
        assert row["held_at"] is not None
        assert row["creator_id"] == CREATOR
    assert (rows[burst]["most_within"], rows[burst]["is_burst"]) == (THRESHOLD, True)
    assert (rows[slow]["most_within"], rows[slow]["is_burst"]) == (1, False)
    lasted = rows[slow]["last_report_at"] - rows[slow]["first_report_at"]
    assert lasted.days == THRESHOLD - 1
    # Who looks at days together sees the slow one as a burst, too.
    assert reported(world, "7 days")[slow]["is_burst"]
    assert reported(world, "2 minutes")[burst]["most_within"] == 3


def test_reporters_with_a_history_are_told_from_new_ones(world: World) -> None:
    post, other = world.post(CREATOR), world.post(CREATOR)
    _, watched, followed, late = world.reported(post, 4)
    world.operator.execute(
        "INSERT INTO viewer_last_seen VALUES (%s, %s, now() - interval '2 days'),"
        " (%s, %s, now() - interval '1 hour')",
        [watched, other, late, other],
    )
    world.operator.execute(
        "INSERT INTO follows (follower_id, creator_id, created_at)"
        " VALUES (%s, %s, now() - interval '1 month')",
        [followed, CREATOR],
    )
    row = reported(world)[post]
    assert (row["reports"], row["new_reporters"], row["is_burst"]) == (4, 2, False)
    assert row["held_at"] is None, "it is still on the feed"


def test_only_reports_that_count_are_seen(world: World) -> None:
    post, unseen = world.post(CREATOR), world.post(CREATOR)
    taken_back, *_ = world.reported(post, 3)
    world.give(taken_back, "report", post, undo=True)
    world.give(uuid.uuid4(), "report", unseen, unseen=True)
    world.give(uuid.uuid4(), "not_interested", post)
    world.give(uuid.uuid4(), "report", None, CREATOR)
    assert {key: row["reports"] for key, row in reported(world).items()} == {post: 2}


@pytest.mark.parametrize("verdict", ["restored", "removed"])
def test_what_was_reviewed_is_gone_until_others_report_it(world: World, verdict: str) -> None:
    post = world.post(CREATOR)
    world.reported(post, THRESHOLD)
    world.roll_up()
    assert reported(world)[post]["is_burst"]
    world.review(post, verdict)
    assert reported(world) == {}
    world.reported(post, 1)
    row = reported(world)[post]
    assert (row["reports"], row["held_at"], row["is_burst"]) == (1, None, False)


def test_one_report_is_no_burst_whatever_the_threshold(world: World) -> None:
    post = world.post(CREATOR)
    world.operator.execute("UPDATE feed_settings SET report_hold_threshold = 1")
    world.reported(post, 1)
    assert not reported(world)[post]["is_burst"]


def test_viewers_are_not_told_who_is_reported(world: World) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        call(world.url, uuid.uuid4(), "SELECT * FROM reported_posts()")
