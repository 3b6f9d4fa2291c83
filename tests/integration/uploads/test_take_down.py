"""A video that is taken down at Mux, replaced there, or moved: the post follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from functions.mux_webhook.sweep import Sweep
from tests.integration.uploads.harness import LONG, STREAM, VIDEO, World

if TYPE_CHECKING:
    from local.mux.records import Media


def published(world: World, media: Media = VIDEO) -> tuple[UUID, str, str]:
    """A post in the feed, its asset, and its playback id."""
    post, upload = world.begin()
    world.process(upload, media)
    since = world.deliver_new()
    world.finish_clips()
    world.deliver_new(since)
    world.sweep_until_done()
    (asset,) = world.live(post)
    return post, asset, world.mux_state.asset(asset).playback_ids[0].id


def served(world: World, post: UUID) -> tuple[bool, str | None]:
    row = world.post(post)
    assert row is not None
    return row["mux_ready"], row["mux_playback_id"]


def look_at_published(world: World) -> None:
    """Sweep when every published video is due."""
    world.admin.execute(
        "UPDATE uploads SET playback_check_at = now() WHERE playback_check_at IS NOT NULL"
    )
    world.sweep(max_playback_checks=100)


def test_a_post_whose_playback_id_was_deleted_is_withdrawn_at_once_and_nothing_is_deleted(
    world: World,
) -> None:
    post, asset, playback = published(world)
    since = len(world.mux_state.events)
    world.mux_state.delete_playback_id(asset, playback)
    world.deliver_new(since)
    assert served(world, post) == (False, None)
    assert world.state(post) == ("failed", "playback_removed")
    world.sweep_until_done()
    assert world.live(post) == [asset]


def test_a_post_follows_to_another_playback_id_and_comes_back(world: World) -> None:
    post, asset, playback = published(world)
    since = len(world.mux_state.events)
    world.mux_state.delete_playback_id(asset, playback)
    since = world.deliver_new(since)
    first_published = world.post(post)["published_at"]  # type: ignore[index]
    other = world.mux_state.create_playback_id(asset, {"policy": "public"}).id
    world.deliver_new(since)
    assert served(world, post) == (True, other)
    assert world.state(post) == ("ready", None)
    row = world.post(post)
    assert row is not None
    assert row["mux_hls_url"] == f"{STREAM}/{other}.m3u8"
    assert row["published_at"] == first_published


def test_a_post_does_not_play_under_a_signed_id_that_it_was_not_made_for(world: World) -> None:
    post, asset, playback = published(world)
    since = len(world.mux_state.events)
    world.mux_state.create_playback_id(asset, {"policy": "signed"})
    world.mux_state.delete_playback_id(asset, playback)
    world.deliver_new(since)
    assert served(world, post) == (False, None)


@pytest.mark.parametrize("media", [VIDEO, LONG])
@pytest.mark.parametrize("listed", [True, False])
def test_the_sweep_finds_what_no_event_told(world: World, media: Media, *, listed: bool) -> None:
    gone, asset, playback = published(world, media)
    replaced, other_asset, other = published(world, media)
    kept, _, same = published(world, media)
    world.mux_state.delete_playback_id(asset, playback)
    world.mux_state.delete_playback_id(other_asset, other)
    new = world.mux_state.create_playback_id(other_asset, {"policy": "public"}).id
    if listed:
        world.sweep()
    else:
        world.admin.execute("UPDATE mux_sweep SET assets_page = 1000")
        look_at_published(world)
    assert served(world, gone) == (False, None)
    assert served(world, replaced) == (True, new)
    assert served(world, kept) == (True, same)


def test_an_asset_that_was_deleted_at_mux_without_an_event_is_found_by_the_sweep(
    world: World,
) -> None:
    post, asset, _ = published(world)
    world.mux_state.delete_asset(asset)
    world.admin.execute("UPDATE mux_assets SET created_at = now() - interval '1 day'")
    look_at_published(world)
    assert world.state(post) == ("failed", "asset_deleted")
    assert served(world, post) == (False, None)


def test_a_post_comes_back_when_mux_finds_its_asset_again(world: World) -> None:
    post, asset, playback = published(world)
    hidden = world.mux_state.assets.pop(asset)  # as with the token of another environment
    world.admin.execute("UPDATE mux_assets SET created_at = now() - interval '1 day'")
    look_at_published(world)
    assert served(world, post) == (False, None)
    world.mux_state.assets[asset] = hidden
    look_at_published(world)
    assert served(world, post) == (True, playback)
    assert world.live(post) == [asset]


def test_an_older_event_does_not_put_a_video_back(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    playback = world.mux_state.asset(asset).playback_ids[0].id
    world.mux_state.delete_playback_id(asset, playback)
    updated, *older = reversed([stamped(e, n) for n, e in enumerate(world.mux_state.events)])
    ready = stamped(older[0] | {"id": str(uuid4())}, 2)
    world.deliver(ready)
    assert world.state(post)[0] == "ready"
    world.deliver(updated)
    for event in older:
        world.deliver(event)
    assert served(world, post) == (False, None)


def stamped(event: dict[str, Any], second: int) -> dict[str, Any]:
    """The event with a time of its own: the tests make them all within a second."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    return copy | {"created_at": f"2026-01-01T00:00:{second:02}.000000Z"}


def test_published_videos_are_looked_at_at_long_intervals(world: World) -> None:
    posts = [published(world)[0] for _ in range(3)]
    world.admin.execute("UPDATE mux_sweep SET assets_page = 1000")
    world.mux.calls.clear()
    world.sweep(max_playback_checks=100)
    assert world.mux.calls.count("get_asset") == 0
    world.admin.execute("UPDATE mux_sweep SET assets_page = 1000")
    world.admin.execute("UPDATE uploads SET playback_check_at = now()")
    result = world.sweep(max_playback_checks=2, check_every_s=86_400)
    assert (result.published, world.mux.calls.count("get_asset")) == (2, 2)
    look_again = world.rows(
        "SELECT playback_check_at - now() AS wait FROM uploads WHERE post_id = ANY (%s) ORDER BY 1",
        posts,
    )
    hours = [row["wait"].total_seconds() / 3600 for row in look_again]
    assert hours[0] <= 0
    assert all(21 < wait < 27 for wait in hours[1:])


def test_a_video_that_mux_lists_unchanged_is_not_asked_for(world: World) -> None:
    published(world)
    world.admin.execute("UPDATE uploads SET playback_check_at = now()")
    world.mux.calls.clear()
    assert world.sweep(max_playback_checks=100).published == 0
    assert world.mux.calls == ["list_assets"]


def test_the_stored_addresses_follow_to_another_base(world: World) -> None:
    post, _, playback = published(world)
    own = uuid4()
    world.admin.execute(
        "INSERT INTO posts (id, creator_id, mux_playback_id, mux_hls_url)"
        " VALUES (%s, %s, 'p', 'https://own.example/video?id=p')",
        (own, uuid4()),
    )
    object.__setattr__(world.store, "stream_base_url", "http://127.0.0.1:9999")
    for _ in range(2):
        world.sweep()
        assert world.post(post)["mux_hls_url"] == f"http://127.0.0.1:9999/{playback}.m3u8"  # type: ignore[index]
    assert world.post(own)["mux_hls_url"] == "https://own.example/video?id=p"  # type: ignore[index]
    assert world.rows("SELECT addresses_after FROM mux_sweep") == [{"addresses_after": None}]


def test_all_addresses_follow_however_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.mux_webhook.sweep._ADDRESSES", 2)
    assert Sweep.__module__ == "functions.mux_webhook.sweep"
    posts = [published(world) for _ in range(5)]
    object.__setattr__(world.store, "stream_base_url", "https://new.example")
    world.sweep()
    for post, _, playback in posts:
        assert world.post(post)["mux_hls_url"] == f"https://new.example/{playback}.m3u8"  # type: ignore[index]


def test_an_asset_that_lists_its_sound_first_is_not_taken_for_audio_only(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    created, *rest = [e for e in world.mux_state.events if e["type"].startswith("video.asset")]
    sound = created["data"] | {"tracks": [{"type": "audio"}], "status": "preparing"}
    preparing = created | {"id": str(uuid4()), "data": sound}
    world.deliver(preparing)
    assert world.state(post) == ("processing", None)
    world.sweep()
    for event in rest:
        world.deliver(event)
    world.deliver(preparing | {"id": str(uuid4())})
    assert world.state(post) == ("ready", None)
    assert world.live(post) == [asset]


def test_what_was_given_up_keeps_its_video_at_mux(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    world.mux_state.asset(asset).media = None
    for event in world.mux_state.events:
        world.deliver(event | {"data": event["data"] | {"duration": None}})
    world.admin.execute("UPDATE uploads SET expires_at = now() - interval '2 days'")
    world.sweep_until_done()
    assert world.state(post) == ("failed", "never_finished")
    assert world.live(post) == [asset]


def test_a_signed_upload_is_published_under_its_signed_id(world: World) -> None:
    settings = world.uploads.settings.model_copy(update={"mux_playback_policy": "signed"})
    object.__setattr__(world.uploads, "settings", settings)
    post, asset, playback = published(world, LONG)
    assert world.mux_state.asset(asset).playback_ids[0].policy == "signed"
    assert served(world, post) == (True, playback)
    assert world.post(post)["mux_playback_policy"] == "signed"  # type: ignore[index]


def test_a_file_that_was_cut_off_is_published_and_its_creator_told(world: World) -> None:
    viewer = uuid4()
    post, upload = world.begin(viewer, duration_ms=60_000)
    world.process(upload, VIDEO)
    ready = world.mux_state.events[-1]
    odd = {"non_standard_input_reasons": {"unexpected_media_file_parameters": "non-standard"}}
    world.deliver(ready | {"data": ready["data"] | odd})
    told = world.uploads.state(viewer, post)
    assert told["state"] == "ready"
    assert told["detail"] == (
        "The file plays for 20.0 of the 60.0 seconds that were announced."
        " The file may hold parts that could not be read as video or sound."
    )


@pytest.mark.parametrize("announced", [None, 1, 20_000, 20_900])
def test_a_file_as_long_as_announced_is_published_without_a_word(
    world: World, announced: int | None
) -> None:
    viewer = uuid4()
    post, upload = world.begin(viewer, duration_ms=announced)
    world.process(upload, VIDEO)
    world.deliver_new()
    assert world.uploads.state(viewer, post) == {
        "post_id": str(post),
        "state": "ready",
        "reason": None,
    }
