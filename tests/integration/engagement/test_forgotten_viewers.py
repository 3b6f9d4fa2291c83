"""Who is forgotten teaches others nothing for a cooldown: they could count without end."""

from uuid import uuid4

import pytest

from tests.integration.database.clients import call
from tests.integration.engagement.audience import Audience, watch

ROUNDS = 3


@pytest.mark.parametrize("everything", [False, True], ids=["reset", "erased"])
def test_a_viewer_who_is_forgotten_and_does_it_again_counts_once(
    audience: Audience, *, everything: bool
) -> None:
    viewer, (post,) = uuid4(), audience.add_posts(1)
    for _ in range(ROUNDS):
        audience.see(viewer, [post])
        audience.record(viewer, [watch(post, 1.0, liked=True, shared=True)])
        audience.roll_up()
        call(
            audience.database.app_url,
            viewer,
            "SELECT * FROM erase_viewer(%s, %s)",
            [viewer, everything],
        )
    stats = audience.stats(post)
    assert (stats["impressions"], stats["plays"], stats["likes"], stats["shares"]) == (1, 1, 1, 1)


def test_what_they_do_is_still_learnt_for_themselves(audience: Audience) -> None:
    viewer, (post,) = uuid4(), audience.add_posts(1)
    audience.record(viewer, [watch(post)])
    call(audience.database.app_url, viewer, "SELECT * FROM erase_viewer(%s, true)", [viewer])
    before = audience.queued()
    audience.record(viewer, [watch(post, 1.0, liked=True)])
    assert audience.signals(viewer)["samples"] == 1
    assert audience.queued() == before


def test_after_a_cooldown_they_count_again_and_no_mark_is_left(audience: Audience) -> None:
    viewer, (post,) = uuid4(), audience.add_posts(1)
    audience.record(viewer, [watch(post, 1.0, liked=True)])
    call(audience.database.app_url, viewer, "SELECT * FROM erase_viewer(%s, true)", [viewer])
    audience.operator.execute(
        "UPDATE erasures SET counts_again_at = counts_again_at - interval '30 days'"
    )
    audience.record(viewer, [watch(post, 1.0, liked=True)])
    audience.roll_up()
    assert audience.stats(post)["likes"] == 2
    audience.operator.execute("SELECT * FROM prune(100)")
    assert audience.rows("SELECT * FROM erasures") == []


def test_a_mark_names_nobody(audience: Audience) -> None:
    viewer = uuid4()
    call(audience.database.app_url, viewer, "SELECT * FROM erase_viewer(%s, true)", [viewer])
    (row,) = audience.rows("SELECT mark::text FROM erasures")
    assert str(viewer) not in row["mark"]
    assert row["mark"].replace("-", "") not in viewer.hex
