"""Whatever order events come in, however often, and wherever the process ends: one final state."""

from __future__ import annotations

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.uploads.harness import AUDIO, CAP_MS, LONG, VIDEO, CrashError, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from local.mux.records import Media
    from tests.conftest import Database

KINDS: dict[str, Media | None] = {"short": VIDEO, "long": LONG, "broken": None, "audio": AUDIO}
ENDS = {
    "short": ("ready", None),
    "long": ("ready", None),
    "broken": ("failed", "not_a_video"),
    "audio": ("failed", "audio_only"),
}
MOST_BOUNDARIES = 60


@pytest.fixture(scope="module")
def shared_world(module_database: Database) -> Iterator[World]:
    """One world for many uploads: they have nothing to do with one another."""
    made = World(module_database)
    yield made
    made.close()


def live_through(
    world: World, kind: str, order: Sequence[int], crash_at: int | None, *, swept: bool = False
) -> UUID:
    """One upload; its first four events in the given order, all events twice; one crash.

    Mux sends again what was not answered, so a delivery that crashed comes once more at the end.
    """
    post, upload = world.begin()
    # Not before: the request for the upload has a test of its own.
    world.crash.at, world.crash.passed = crash_at, 0
    since = len(world.mux_state.events) - 1
    world.process(upload, KINDS[kind])
    first = world.mux_state.events[since:]
    since = len(world.mux_state.events)
    deliver_twice(world, [first[n] for n in order])
    while since < len(world.mux_state.events) or any(
        a.status == "preparing" for a in world.mux_state.live_assets()
    ):
        world.finish_clips()
        new = world.mux_state.events[since:]
        since = len(world.mux_state.events)
        deliver_twice(world, new[::-1] if order[0] else new)
        if swept:
            interruptible(world, world.sweep)
    world.crash.at = None
    world.sweep_until_done()
    return post


def deliver_twice(world: World, events: Sequence[dict[str, Any]]) -> None:
    deliveries = [*events, *reversed(events)]
    lost = [e for e in deliveries if not interruptible(world, partial(world.deliver, e))]
    for event in lost:
        world.deliver(event)


def interruptible(world: World, act: Callable[[], object]) -> bool:
    """Whether it came to its end. A process that ended has lost its connection."""
    try:
        act()
    except CrashError:
        world.store.database.inner.close()  # type: ignore[attr-defined]
        return False
    return True


def assert_all_is_well(world: World, post: UUID, kind: str) -> None:
    assert world.state(post) == ENDS[kind]
    row = world.post(post)
    assert row is not None
    live = world.live(post)
    assert world.clips(post) == (1 if kind == "long" else 0)
    if ENDS[kind][0] == "failed":
        assert live == []
        assert (row["mux_ready"], row["mux_playback_id"]) == (False, None)
        return
    assert live == [row["mux_asset_id"]]
    assert row["mux_ready"]
    assert row["mux_playback_id"] == world.mux_state.asset(live[0]).playback_ids[0].id
    assert row["mux_duration_ms"] == (CAP_MS if kind == "long" else 20_000)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_order_of_events_ends_in_one_state(shared_world: World, kind: str) -> None:
    for order in itertools.permutations(range(4)):
        post = live_through(shared_world, kind, order, None)
        assert_all_is_well(shared_world, post, kind)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
@pytest.mark.parametrize("kind", ["short", "long", "broken"])
def test_a_crash_between_any_two_steps_changes_nothing(
    shared_world: World, kind: str, order: tuple[int, ...]
) -> None:
    for crash_at in itertools.count(1):
        post = live_through(shared_world, kind, order, crash_at)
        assert_all_is_well(shared_world, post, kind)
        if shared_world.crash.passed < crash_at:
            assert crash_at > 16  # two boundaries for each of eight deliveries at least
            return


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["short", "long", "broken"]),
    order=st.permutations(range(4)),
    crash_at=st.integers(1, MOST_BOUNDARIES),
    swept=st.booleans(),
)
def test_any_order_with_any_crash_ends_in_one_state(
    shared_world: World, kind: str, order: list[int], crash_at: int, *, swept: bool
) -> None:
    post = live_through(shared_world, kind, order, crash_at, swept=swept)
    assert_all_is_well(shared_world, post, kind)


def close_own(world: World, all_here: threading.Barrier) -> None:
    """Close this thread's connection; the barrier gives each thread its turn."""
    all_here.wait(60)
    world._webhook.close()


def test_a_thousand_webhooks_at_once_leave_every_post_right(world: World) -> None:
    chance = random.Random(20)  # noqa: S311 - chooses orders
    viewers = [uuid4() for _ in range(50)]
    kinds: dict[UUID, str] = {}
    for n in range(250):
        post, upload = world.begin(viewers[n % len(viewers)])
        kinds[post] = ("short", "short", "long", "broken")[n % 4]
        world.process(upload, KINDS[kinds[post]])
    since = 0
    with ThreadPoolExecutor(16) as pool:
        while since < len(world.mux_state.events):
            events = world.mux_state.events[since:]
            since = len(world.mux_state.events)
            events += chance.sample(events, len(events) // 5)
            for _ in range(len(events) // 10):
                one, other = chance.sample(range(len(events)), 2)
                events[one], events[other] = events[other], events[one]
            list(pool.map(world.deliver, events))
            world.finish_clips()
        all_here = threading.Barrier(16)
        for closed in [pool.submit(close_own, world, all_here) for _ in range(16)]:
            closed.result()
    assert since >= 1000
    assert len(world.rows("SELECT FROM mux_events")) == since
    published = [r.post_id for r in world.snapshots if r.state == "ready" and r.was != "ready"]
    assert (
        len(published) == len(set(published)) == sum(k in {"short", "long"} for k in kinds.values())
    )
    assert world.mux.calls.count("create_clip") == sum(k == "long" for k in kinds.values())
    # Files that could not be read are cleared by the sweep: there is no hurry.
    world.sweep_until_done()
    for post, kind in kinds.items():
        assert_all_is_well(world, post, kind)
