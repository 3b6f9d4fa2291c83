"""Assets with a post's passthrough that are none of its upload. Anybody at Mux may make one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.mux_webhook.facts import of_asset
from shared.mux import MuxUnknownOutcomeError
from tests.integration.uploads.harness import LONG, VIDEO, Fault, World
from tests.integration.uploads.test_orders import ENDS, KINDS, assert_all_is_well

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.mux.records import Media
    from tests.conftest import Database


@pytest.fixture(scope="module")
def shared_world(module_database: Database) -> Iterator[World]:
    """One world for many uploads: they have nothing to do with one another."""
    made = World(module_database)
    yield made
    made.close()


def stray_upload(world: World, post: UUID) -> str:
    """Somebody's own upload at Mux with the post's passthrough; its id."""
    settings = {"passthrough": str(post), "playback_policies": ["public"]}
    return world.mux_state.create_upload({"new_asset_settings": settings}).id


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    """The event, with another id, as if Mux had not said so much."""
    data = {name: value for name, value in event["data"].items() if name not in names}
    return event | {"id": str(uuid4()), "data": data}


def without_upload(event: dict[str, Any]) -> dict[str, Any]:
    """The event of an asset that does not say of which upload it is."""
    return without(event, "upload_id")


def of_assets(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"].startswith("video.asset.")]


def passthrough_only(world: World, post: UUID, media: Media | None) -> str:
    """A stray of which no event names the upload: its asset's id."""
    stray = stray_upload(world, post)
    since = len(world.mux_state.events)
    asset = world.process(stray, media)
    for event in of_assets(world.mux_state.events[since:]):
        world.deliver(without_upload(event))
    return asset


def test_a_stray_that_is_deleted_leaves_the_own_upload_alone(world: World) -> None:
    post, upload = world.begin()
    stray = world.process(stray_upload(world, post), VIDEO)
    since = world.deliver_new()
    assert stray not in world.live(post), "it is none of the post's, and paid for"
    assert world.state(post)[0] == "waiting"
    asset = world.process(upload, VIDEO)
    world.deliver_new(since)
    world.sweep_until_done()
    assert world.state(post) == ("ready", None)
    assert world.live(post) == [asset]


def test_a_stray_that_is_asked_for_leaves_the_own_upload_alone(world: World) -> None:
    post, upload = world.begin()
    stray = world.process(stray_upload(world, post), VIDEO)
    since = world.deliver_new()
    for event in of_assets(world.mux_state.events[:since]):
        world.deliver(without_upload(event))
    asset = world.process(upload, VIDEO)
    world.deliver_new()
    world.sweep_until_done()
    assert world.state(post) == ("ready", None)
    assert world.live(post) == [asset]
    assert world.mux_state.assets[stray].deleted_at is not None


def test_a_stray_after_the_own_upload_is_deleted(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    since = world.deliver_new()
    world.process(stray_upload(world, post), VIDEO)
    world.deliver_new(since)
    passthrough_only(world, post, VIDEO)
    world.sweep_until_done()
    assert world.state(post) == ("ready", None)
    assert world.live(post) == [asset]


@pytest.mark.parametrize("own", [VIDEO, LONG], ids=["short", "long"])
@pytest.mark.parametrize("named", ["by its events", "by its upload alone"])
@pytest.mark.parametrize("media", [None, LONG], ids=["broken", "long"])
def test_the_own_asset_takes_the_place_of_one_known_by_its_passthrough_alone(
    world: World, media: Media | None, own: Media, named: str
) -> None:
    post, upload = world.begin()
    stray = passthrough_only(world, post, media)
    assert world.upload(post)["source_asset_id"] == stray
    since = len(world.mux_state.events)
    asset = world.process(upload, own)
    events = world.mux_state.events[since:]
    if named == "by its upload alone":
        own_upload = [event for event in events if event not in of_assets(events)]
        events = [*map(without_upload, of_assets(events)), *own_upload]
    since = len(world.mux_state.events)
    for event in events:
        world.deliver(event)
    assert world.upload(post)["source_asset_id"] == asset
    world.finish_clips()
    world.deliver_new(since)
    world.sweep_until_done()
    assert world.state(post) == ("ready", None)
    row = world.post(post)
    assert row is not None
    assert world.live(post) == [row["mux_asset_id"]]
    shown = world.mux_state.asset(row["mux_asset_id"])
    assert asset in {shown.id, shown.source_asset_id}


def test_two_known_by_their_passthrough_alone_are_kept_until_the_upload_tells_them_apart(
    world: World,
) -> None:
    post, upload = world.begin()
    passthrough_only(world, post, None)
    since = len(world.mux_state.events)
    asset = world.process(upload, VIDEO)
    for event in of_assets(world.mux_state.events[since:]):
        world.deliver(without_upload(event))
    assert world.state(post) == ("failed", "not_a_video")
    assert asset in world.live(post)
    world.sweep_until_done()
    assert world.state(post) == ("ready", None)
    assert world.live(post) == [asset]


def test_what_stays_undecided_is_cleared_once_the_own_upload_is_over(world: World) -> None:
    post, upload = world.begin()
    passthrough_only(world, post, None)
    passthrough_only(world, post, VIDEO)
    world.mux_state.expire_upload(upload)
    world.sweep_until_done()
    assert world.state(post) == ("failed", "not_a_video")
    assert world.live(post) == []


def test_cancelling_ends_the_own_upload_though_a_stray_stands_in_its_place(world: World) -> None:
    viewer = uuid4()
    post, upload = world.begin(viewer)
    passthrough_only(world, post, LONG)
    world.uploads.cancel(viewer, post)
    assert world.mux_state.upload(upload).status == "cancelled"
    world.sweep_until_done()
    assert world.live(post) == []


def test_a_clip_of_a_former_source_is_none_of_the_present_one(world: World) -> None:
    post, upload = world.begin()
    passthrough_only(world, post, LONG)
    world.mux.faults = [Fault("create_clip", MuxUnknownOutcomeError)]
    since = len(world.mux_state.events)
    asset = world.process(upload, LONG)
    for event in world.mux_state.events[since:]:
        world.deliver(event)
    (former,) = [a for a in world.mux_state.live_assets() if a.source_asset_id]
    assert former.source_asset_id != asset
    world.sweep_until_done()
    row = world.post(post)
    assert row is not None
    assert world.live(post) == [row["mux_asset_id"]]
    assert world.mux_state.asset(row["mux_asset_id"]).source_asset_id == asset


def test_a_clip_is_asked_for_of_the_present_source_alone(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, LONG)
    world.mux.faults = [Fault("create_clip", MuxUnknownOutcomeError)]
    world.deliver_new()
    claim = world.upload(post)["trim_claim"]
    assert not world.store.claim_trim(post, "another", uuid4(), claim)
    assert world.store.claim_trim(post, world.upload(post)["source_asset_id"], uuid4(), claim)


@pytest.mark.parametrize("first", ["answer", "event"])
def test_a_clip_that_does_not_say_it_is_one_is_known_by_having_been_asked_for(
    world: World, first: str
) -> None:
    post, upload = world.begin()
    world.process(upload, LONG)
    if first == "event":
        world.mux.faults = [Fault("create_clip", MuxUnknownOutcomeError, done=True)]
    since = len(world.mux_state.events)
    for event in world.mux_state.events[:since]:
        world.deliver(event)
    world.finish_clips()
    for event in world.mux_state.events[since:]:
        bare = without(event, "ingest_type", "source_asset_id")
        assert of_asset(bare["data"]).is_clip is None
        world.deliver(bare)
    assert world.state(post) == ("ready", None)
    world.sweep_until_done()
    assert world.live(post) == [world.post(post)["mux_asset_id"]]  # type: ignore[index]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(list(KINDS)), other=st.sampled_from(list(KINDS)), data=st.data())
def test_no_order_lets_a_stray_do_harm(
    shared_world: World, kind: str, other: str, data: st.DataObject
) -> None:
    world = shared_world
    post, upload = world.begin()
    stray = stray_upload(world, post)
    since = len(world.mux_state.events)
    world.process(stray, KINDS[other])
    first, *rest = data.draw(st.permutations(world.mux_state.events[since:]))
    own_since = len(world.mux_state.events)
    world.process(upload, KINDS[kind])
    own = world.mux_state.events[own_since:]
    # Once known by its upload, the stray stays known, whatever its other events leave out.
    told = data.draw(st.permutations([*own, *rest, first]))
    told.remove(first)
    at = min([told.index(event) for event in rest], default=len(told))
    told.insert(data.draw(st.integers(0, at)), first)
    bare = data.draw(st.lists(st.booleans(), min_size=len(told), max_size=len(told)))
    since = len(world.mux_state.events)
    for event, less in zip(told, bare, strict=True):
        hides = less and event is not first and event["type"].startswith("video.asset.")
        world.deliver(without_upload(event) if hides else event)
        if data.draw(st.booleans()):
            world.deliver(event)
    world.finish_clips()
    world.deliver_new(since)
    world.sweep_until_done()
    assert_all_is_well(world, post, kind)
    assert world.state(post) == ENDS[kind]
