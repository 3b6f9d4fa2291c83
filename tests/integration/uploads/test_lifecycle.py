"""From file to feed: publishing, trimming, failing, cancelling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from functions.create_upload.errors import TooManyUploadsError
from shared.errors import NotFoundError
from shared.mux import (
    MuxBusyError,
    MuxError,
    MuxNotSentError,
    MuxRefusedError,
    MuxUnknownOutcomeError,
)
from tests.integration.uploads.harness import AUDIO, CAP_MS, LONG, STREAM, VIDEO, Fault, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.mux.records import Media


def test_a_short_video_is_published_as_it_is(world: World) -> None:
    post, upload = world.begin(content={"caption": "hello", "tags": ["sea"]})
    asset = world.process(upload, VIDEO)
    world.deliver_new()
    assert world.state(post) == ("ready", None)
    row = world.post(post)
    assert row is not None
    playback = world.mux_state.asset(asset).playback_ids[0].id
    assert row["mux_playback_id"] == playback
    assert row["mux_hls_url"] == f"{STREAM}/{playback}.m3u8"
    assert row["mux_duration_ms"] == 20_000
    assert row["mux_upload_id"] == upload
    assert row["aspect_ratio"] == "16:9"
    assert row["published_at"] is not None
    assert (row["caption"], row["tags"]) == ("hello", ["sea"])
    assert world.mux.calls == ["create_upload"]


def test_a_long_video_is_trimmed_and_its_source_deleted(world: World) -> None:
    post, upload = world.begin()
    source = world.process(upload, LONG)
    world.deliver_new()
    assert world.state(post) == ("trimming", None)
    assert world.post(post)["mux_playback_id"] is None  # type: ignore[index]
    world.finish_clips()
    world.deliver_new()
    assert world.state(post) == ("ready", None)
    (clip,) = world.live(post)
    assert clip != source
    assert world.mux_state.assets[clip].clip == (0.0, 180.0)
    row = world.post(post)
    assert row is not None
    assert row["mux_asset_id"] == clip
    assert row["mux_duration_ms"] == CAP_MS
    assert world.upload(post)["next_check_at"] is None


@pytest.mark.parametrize(
    ("seconds", "state"), [(180.0, "ready"), (180.5, "ready"), (180.51, "trimming")]
)
def test_only_what_is_above_the_cap_and_its_tolerance_is_trimmed(
    world: World, seconds: float, state: str
) -> None:
    post, upload = world.begin()
    world.process(upload, VIDEO.model_copy(update={"duration": seconds}))
    world.deliver_new()
    assert world.state(post)[0] == state


@pytest.mark.parametrize(("media", "reason"), [(None, "not_a_video"), (AUDIO, "audio_only")])
def test_what_is_no_video_fails_with_a_reason_and_leaves_no_asset(
    world: World, media: Media | None, reason: str
) -> None:
    post, upload = world.begin()
    world.process(upload, media)
    world.deliver_new()
    assert world.state(post) == ("failed", reason)
    world.sweep_until_done()
    assert world.live(post) == []
    assert world.state(post) == ("failed", reason)


def test_a_clip_that_fails_leaves_the_source_and_the_reason(world: World) -> None:
    post, upload = world.begin()
    source = world.process(upload, LONG)
    world.deliver_new()
    world.finish_clips(None)
    world.deliver_new()
    assert world.state(post) == ("failed", "trim_failed")
    world.sweep_until_done()
    assert world.live(post) == [source]
    assert not world.post(post)["mux_ready"]  # type: ignore[index]


def test_a_clip_that_is_too_long_is_not_trimmed_again_nor_shown(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, LONG)
    world.deliver_new()
    world.finish_clips(LONG)
    world.deliver_new()
    assert world.state(post) == ("failed", "trim_too_long")
    world.sweep_until_done()
    assert world.state(post) == ("failed", "trim_too_long")
    assert world.clips(post) == 1


def test_what_an_event_leaves_out_is_asked_for(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, LONG)
    for event in world.mux_state.events:
        bare = {k: v for k, v in event["data"].items() if k not in {"duration", "playback_ids"}}
        world.deliver(event | {"data": bare})
    assert "get_asset" in world.mux.calls
    assert world.state(post)[0] == "trimming"


def test_a_duration_that_even_mux_does_not_know_is_asked_for_again(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    world.mux_state.asset(asset).media = None
    for event in world.mux_state.events:
        data = event["data"] | {"duration": None}
        world.deliver(event | {"data": data})
    assert world.state(post)[0] == "processing"
    world.mux_state.asset(asset).media = VIDEO
    world.make_due()
    world.sweep()
    assert world.state(post)[0] == "ready"


@pytest.mark.parametrize("lost", ["duration", "playback_ids"])
def test_an_asset_that_mux_does_not_find_yet_is_finished_by_a_later_event(
    world: World, lost: str
) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    ready = world.mux_state.events[-1]
    hidden = world.mux_state.assets.pop(asset)
    for event in world.mux_state.events:
        bare = {name: value for name, value in event["data"].items() if name != lost}
        world.deliver(event | {"id": str(uuid4()), "data": bare})
    assert "get_asset" in world.mux.calls
    assert world.state(post)[0] == "processing"
    world.make_due()
    world.sweep()
    assert world.state(post)[0] == "processing"
    world.mux_state.assets[asset] = hidden
    world.deliver(ready)
    assert world.state(post) == ("ready", None)


def test_an_asset_that_mux_does_not_find_for_long_is_gone(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    ready = world.mux_state.events[-1]
    del world.mux_state.assets[asset]
    bare = {name: value for name, value in ready["data"].items() if name != "duration"}
    world.deliver(ready | {"data": bare})
    world.admin.execute("UPDATE mux_assets SET created_at = now() - interval '61 seconds'")
    world.deliver(ready | {"id": str(uuid4()), "data": bare})
    assert world.state(post)[0] == "processing", "a webhook does not conclude it"
    world.make_due()
    world.sweep()
    assert world.state(post) == ("failed", "asset_deleted")


@pytest.mark.parametrize(
    ("error", "done"),
    [
        (MuxUnknownOutcomeError, True),
        (MuxUnknownOutcomeError, False),
        (MuxBusyError, False),
        (MuxNotSentError, False),
    ],
)
def test_a_trim_whose_answer_is_lost_is_reconciled_to_one_clip(
    world: World, error: type[MuxError], *, done: bool
) -> None:
    post, upload = world.begin()
    world.process(upload, LONG)
    world.mux.faults = [Fault("create_clip", error, done)]
    before = len(world.mux_state.events)
    for event in world.mux_state.events[:before]:
        world.deliver(event)
    world.sweep_until_done()
    assert world.state(post) == ("ready", None)
    assert world.clips(post) == 1
    assert len(world.live(post)) == 1


def test_a_claim_is_not_repeated_before_its_request_can_have_ended(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, LONG)
    world.mux.faults = [Fault("create_clip", MuxUnknownOutcomeError)]
    world.deliver_new()
    stepper = world._stepper(include_polling=True)
    patient = replace(stepper, patience_s=3600)
    (snapshot,) = [r for r in world.store.claim_checks(10, 86_400) if r.post_id == post]
    patient.carry_out(snapshot)
    assert world.mux.calls.count("list_assets") == 1
    assert world.mux.calls.count("create_clip") == 1


def test_a_trim_that_mux_refuses_for_good_fails_with_the_reason(world: World) -> None:
    post, upload = world.begin()
    source = world.process(upload, LONG)
    world.mux.faults = [Fault("create_clip", lambda: MuxRefusedError(422, "no such quality"))]
    world.deliver_new()
    assert world.state(post) == ("failed", "trim_refused")
    assert "no such quality" in world.upload(post)["detail"]
    assert world.live(post) == [source]


def test_a_trim_refused_for_our_credentials_is_tried_again(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, LONG)
    world.mux.faults = [Fault("create_clip", lambda: MuxRefusedError(401, "who are you"))]
    world.deliver_new()
    assert world.state(post)[0] == "trimming"
    world.sweep_until_done()
    assert world.state(post)[0] == "ready"


def test_what_stays_unfinished_is_given_up_in_the_end(world: World) -> None:
    post, upload = world.begin()
    world.mux_state.complete_upload(upload)
    world.deliver_new()
    world.admin.execute("UPDATE uploads SET expires_at = now() - interval '2 days'")
    world.make_due()
    world.sweep()
    assert world.state(post) == ("failed", "never_finished")


def test_a_published_asset_that_is_deleted_at_mux_takes_its_post_down(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    world.deliver_new()
    world.mux_state.delete_asset(asset)
    world.deliver_new()
    assert world.state(post) == ("failed", "asset_deleted")
    row = world.post(post)
    assert row is not None
    assert (row["mux_ready"], row["mux_playback_id"]) == (False, None)


@pytest.mark.parametrize("errored_first", [True, False])
def test_ready_stands_whether_errored_comes_before_or_after(
    world: World, *, errored_first: bool
) -> None:
    post, upload = world.begin()
    world.process(upload, VIDEO)
    ready = world.mux_state.events[-1]
    errored = ready | {"type": "video.asset.errored", "id": str(uuid4())}
    for event in [errored, ready] if errored_first else [ready, errored]:
        world.deliver(event)
    assert world.state(post) == ("ready", None)
    assert world.post(post)["mux_ready"]  # type: ignore[index]


def _waiting(_world: World, _upload: str) -> None:
    pass


def _arrived(world: World, upload: str) -> None:
    world.mux_state.complete_upload(upload)


def _published(world: World, upload: str) -> None:
    world.process(upload, VIDEO)


def _trimming(world: World, upload: str) -> None:
    world.process(upload, LONG)


@pytest.mark.parametrize("far", [_waiting, _arrived, _published, _trimming])
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("mux_answers", [True, False])
def test_a_cancelled_upload_leaves_neither_post_nor_asset(
    world: World, far: Callable[[World, str], None], *, told: bool, mux_answers: bool
) -> None:
    viewer = uuid4()
    post, upload = world.begin(viewer)
    far(world, upload)
    since = world.deliver_new() if told else 0
    if not mux_answers:
        world.mux.faults = [
            Fault("cancel_upload", MuxUnknownOutcomeError),
            Fault("delete_asset", MuxUnknownOutcomeError),
        ]
    assert world.uploads.cancel(viewer, post)["state"] == "cancelled"
    assert world.post(post) is None
    world.mux.faults = []
    for asset in world.mux_state.live_assets():
        if not asset.source_asset_id:
            world.mux_state.finish_asset(asset.id, VIDEO)
    world.finish_clips()
    world.deliver_new(since)
    world.sweep_until_done()
    assert world.live(post) == []
    assert world.mux_state.upload(upload).status != "waiting"
    assert world.state(post) == ("cancelled", None)
    assert world.uploads.cancel(viewer, post)["state"] == "cancelled"


def test_a_post_deleted_by_anybody_takes_its_asset_along(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, VIDEO)
    world.deliver_new()
    world.admin.execute("DELETE FROM posts WHERE id = %s", (post,))
    world.sweep_until_done()
    assert world.live(post) == []
    assert world.state(post) == ("cancelled", None)


def test_an_upload_belongs_to_its_creator_alone(world: World) -> None:
    creator, other = uuid4(), uuid4()
    post, _ = world.begin(creator)
    assert world.uploads.state(creator, post)["state"] == "waiting"
    with pytest.raises(NotFoundError):
        world.uploads.state(other, post)
    with pytest.raises(NotFoundError):
        world.uploads.cancel(other, post)
    assert world.post(post) is not None


def test_a_viewer_has_so_many_open_uploads_and_no_more(world: World) -> None:
    viewer = uuid4()
    first, upload = world.begin(viewer)
    for _ in range(9):
        world.begin(viewer)
    with pytest.raises(TooManyUploadsError):
        world.begin(viewer)
    world.begin()
    world.process(upload, VIDEO)
    world.deliver_new()
    assert world.state(first)[0] == "ready"
    world.begin(viewer)


@pytest.mark.parametrize(
    "error", [MuxBusyError, MuxNotSentError, lambda: MuxRefusedError(422, "no")]
)
def test_no_post_stays_where_mux_makes_no_upload(
    world: World, error: Callable[[], MuxError]
) -> None:
    world.mux.faults = [Fault("create_upload", error) for _ in range(500)]
    with pytest.raises(MuxError):
        world.begin()
    assert world.rows("SELECT FROM posts") == world.rows("SELECT FROM uploads") == []


def test_an_upload_whose_answer_was_lost_is_found_and_used(world: World) -> None:
    world.mux.faults = [Fault("create_upload", MuxUnknownOutcomeError, done=True)]
    post, upload = world.begin()
    assert world.upload(post)["mux_upload_id"] == upload
    assert len(world.mux_state.uploads) == 1


def test_an_upload_that_turns_up_late_is_cancelled(world: World) -> None:
    world.mux.faults = [
        Fault("create_upload", MuxUnknownOutcomeError, done=True),
        Fault("list_uploads", MuxUnknownOutcomeError),
    ]
    with pytest.raises(MuxError):
        world.begin()
    assert world.rows("SELECT FROM posts") == []
    world.mux.faults = [Fault("list_uploads", MuxUnknownOutcomeError)]
    world.sweep_until_done()
    assert [u.status for u in world.mux_state.uploads.values()] == ["cancelled"]


def test_an_upload_that_broke_off_before_mux_answered_leaves_nothing(world: World) -> None:
    world.mux.faults = [Fault("create_upload", KeyboardInterrupt)]  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        world.begin()
    assert len(world.rows("SELECT FROM posts")) == 1
    world.admin.execute("UPDATE uploads SET making_until = now() - interval '5 minutes'")
    world.sweep_until_done()
    assert world.rows("SELECT FROM posts") == []


def test_an_upload_that_timed_out_is_expired(world: World) -> None:
    post, upload = world.begin()
    world.mux_state.expire_upload(upload)
    world.make_due()
    world.sweep()
    assert world.state(post) == ("expired", None)


def test_events_about_what_is_not_ours_change_nothing(world: World) -> None:
    post, upload = world.begin()
    world.process(upload, VIDEO)
    ready = world.mux_state.events[-1]
    stranger = {"id": "a", "passthrough": "not ours", "status": "ready", "upload_id": "u"}
    for data in (stranger, stranger | {"passthrough": str(uuid4())}, {}):
        snapshot = world.deliver(ready | {"id": str(uuid4()), "data": data})
        assert snapshot is not None
        assert snapshot.state is None
    assert world.deliver(ready | {"type": "video.live_stream.active"}) is None
    assert world.deliver(ready | {"type": "video.asset.daydreamed"}) is None
    assert world.state(post)[0] == "waiting"
    assert world.rows("SELECT FROM mux_events") == []


def test_an_asset_too_many_of_our_post_is_deleted(world: World) -> None:
    post, upload = world.begin()
    asset = world.process(upload, VIDEO)
    world.deliver_new()
    settings = {
        "passthrough": str(post),
        "inputs": [{"url": f"mux://assets/{asset}", "start_time": 0.0, "end_time": 5.0}],
    }
    orphan = world.mux_state.create_asset(settings)
    world.mux_state.finish_asset(orphan.id, VIDEO)
    result = world.sweep()
    assert result.orphans == 1
    assert world.live(post) == [asset]
