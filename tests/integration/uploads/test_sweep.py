"""The sweep alone, two sweeps at once, and a Mux that refuses to be asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from shared.mux import MuxBusyError, MuxUnknownOutcomeError
from tests.integration.uploads.harness import AUDIO, LONG, VIDEO, Fault, World

if TYPE_CHECKING:
    from local.mux.records import Media

MEDIA: list[Media | None] = [VIDEO, LONG, None, AUDIO]


def test_the_sweep_alone_publishes_everything_where_every_webhook_is_dropped(world: World) -> None:
    posts = []
    for media in MEDIA * 5:
        post, upload = world.begin()
        world.process(upload, media)
        posts.append(post)
    late, upload = world.begin()
    world.sweep_until_done_but(late)
    world.process(upload, VIDEO)
    world.sweep_until_done()
    ends = [world.state(post) for post in posts[:4]]
    assert ends == [
        ("ready", None),
        ("ready", None),
        ("failed", "not_a_video"),
        ("failed", "audio_only"),
    ]
    assert [world.state(post) for post in posts] == ends * 5
    assert world.state(late)[0] == "ready"
    assert len(world.mux_state.live_assets()) == 11
    assert all(world.clips(post) == (n % 4 == 1) for n, post in enumerate(posts))


def test_a_sweep_keeps_another_one_away_until_its_lease_is_over(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, VIDEO)
    assert world.store.begin_sweep(uuid4(), 600) == 1
    assert world.sweep(lease_s=600).held_off
    assert world.state(post)[0] == "waiting"
    world.admin.execute("UPDATE mux_sweep SET held_until = now()")
    assert not world.sweep(lease_s=600).held_off
    assert world.state(post)[0] == "ready"


def test_sweeps_at_once_without_a_lease_make_one_clip_each(world: World) -> None:
    posts = []
    for _ in range(20):
        post, upload = world.begin()
        world.process(upload, LONG)
        posts.append(post)
    world.patience_s = 600  # as in use: longer than any request for a clip lasts
    with ThreadPoolExecutor(4) as pool:

        def sweep(_: int) -> None:
            world.sweep()
            world._webhook.close()

        list(pool.map(sweep, range(4)))
    assert world.mux.calls.count("create_clip") == 20
    world.patience_s = 0
    world.sweep_until_done()
    assert [world.clips(post) for post in posts] == [1] * 20


def test_a_busy_mux_ends_the_run_and_the_next_one_goes_on(world: World) -> None:
    posts = []
    for _ in range(3):
        post, upload = world.begin()
        world.process(upload, VIDEO)
        posts.append(post)
    world.mux.faults = [Fault("get_upload", MuxBusyError)]
    result = world.sweep()
    assert (result.checked, result.errors) == (1, 1)
    assert world.mux.calls.count("get_upload") == 1
    world.sweep_until_done()
    assert [world.state(post)[0] for post in posts] == ["ready"] * 3


def test_a_mux_that_is_down_is_not_asked_about_every_upload(world: World) -> None:
    for _ in range(8):
        world.begin()
    world.mux.faults = [Fault("get_upload", MuxUnknownOutcomeError) for _ in range(8)]
    assert world.sweep().errors == 3


def test_a_run_looks_at_no_more_than_its_share(world: World) -> None:
    for _ in range(25):
        world.begin()
    assert world.sweep(max_rows=12).checked == 12


def test_what_was_looked_at_in_vain_waits_longer_each_time(world: World) -> None:
    post, _ = world.begin()
    waits = []
    for _ in range(4):
        world.make_due()
        world.sweep()
        (row,) = world.rows(
            "SELECT next_check_at - now() AS wait FROM uploads WHERE post_id = %s", post
        )
        waits.append(row["wait"])
    assert waits == sorted(waits)
    assert waits[3] > 4 * waits[0]


@pytest.mark.parametrize(
    ("left_s", "checks", "wait_s"),
    [(1000, 12, 600), (50, 12, 50), (50, 3, 8), (0, 12, 1), (-30, 12, 30), (-3600, 12, 600)],
)
def test_what_waits_for_its_file_is_looked_at_when_it_expires_and_then_ever_less_often(
    world: World, left_s: int, checks: int, wait_s: int
) -> None:
    world.begin()
    with world.admin.transaction():  # in which now() stands still
        world.admin.execute(
            "UPDATE uploads SET next_check_at = now(), checks = %s,"
            " expires_at = now() + make_interval(secs => %s)",
            (checks, left_s),
        )
        world.rows("SELECT claim_upload_checks(10, 86400)")
        (row,) = world.rows("SELECT next_check_at - now() AS wait FROM uploads")
    assert row["wait"].total_seconds() == wait_s


def test_old_events_and_cleared_uploads_are_forgotten(world: World) -> None:
    viewer = uuid4()
    post, upload = world.begin(viewer)
    world.process(upload, VIDEO)
    world.deliver_new()
    world.uploads.cancel(viewer, post)
    world.sweep_until_done()
    world.admin.execute("UPDATE mux_events SET received_at = now() - interval '8 days'")
    world.admin.execute("UPDATE uploads SET state_since = now() - interval '31 days'")
    world.sweep()
    for table in ("mux_events", "uploads", "mux_assets"):
        assert world.rows(f"SELECT FROM {table}") == []  # a literal


@pytest.mark.parametrize("pages", [1, 3])
def test_orphans_are_searched_page_by_page(world: World, pages: int) -> None:
    for _ in range(100 * (pages - 1)):
        _, upload = world.begin()
        world.mux_state.complete_upload(upload)
    world.deliver_new()
    assert [world.store.begin_sweep(uuid4(), 0)] == [1]
    seen = []
    for _ in range(pages):
        world.sweep(max_rows=1)
        seen += [row["assets_page"] for row in world.rows("SELECT assets_page FROM mux_sweep")]
    assert seen == [*range(2, pages + 1), 1]
