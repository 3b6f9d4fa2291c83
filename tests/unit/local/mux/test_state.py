from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from local.mux.errors import InvalidParametersError, MuxError, NotFoundError
from local.mux.fault_rules import seeded
from local.mux.records import Asset, Media
from local.mux.state.mux_state import MuxState

VIDEO = Media(duration=200.04, width=1280, height=720, frame_rate=25.0, aspect_ratio="16:9")
SETTINGS = {"playback_policies": ["public"], "passthrough": "post-1"}


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> MuxState:
    return MuxState(clock, seeded(1), "http://mux.test")


def types(state: MuxState) -> list[str]:
    return [event["type"] for event in state.events]


def ready(state: MuxState, media: Media = VIDEO) -> Asset:
    upload = state.create_upload({"new_asset_settings": SETTINGS})
    return state.finish_asset(state.complete_upload(upload.id).id, media)


def clip_of(source: Asset, start: float = 0.0, end: float = 180.0) -> dict[str, object]:
    url = f"mux://assets/{source.id}"
    return SETTINGS | {"inputs": [{"url": url, "start_time": start, "end_time": end}]}


def test_an_upload_goes_from_waiting_to_a_ready_asset_with_the_events_of_mux(
    state: MuxState,
) -> None:
    upload = state.create_upload({"cors_origin": "*", "new_asset_settings": SETTINGS})
    assert upload.view()["status"] == "waiting"
    assert upload.view()["url"].startswith("http://mux.test/upload/")
    asset = state.complete_upload(upload.id)
    assert asset.view()["status"] == "preparing"
    assert "duration" not in asset.view()
    state.finish_asset(asset.id, VIDEO)
    assert types(state) == [
        "video.upload.created",
        "video.upload.asset_created",
        "video.asset.created",
        "video.asset.ready",
    ]
    view = state.asset(asset.id).view()
    assert view["status"] == "ready"
    assert view["duration"] == 200.04
    assert view["upload_id"] == upload.id
    assert view["passthrough"] == "post-1"
    assert view["ingest_type"] == "on_demand_direct_upload"
    assert view["resolution_tier"] == "720p"
    assert view["max_stored_resolution"] == "HD"
    assert [playback["policy"] for playback in view["playback_ids"]] == ["public"]


def test_upload_events_name_the_upload_and_carry_the_asset_once_there_is_one(
    state: MuxState,
) -> None:
    upload = state.create_upload({"new_asset_settings": SETTINGS})
    asset = state.complete_upload(upload.id)
    created, asset_created, asset_event = state.events
    assert created["data"]["id"] == created["object"]["id"] == upload.id
    assert "asset_id" not in created["data"]
    assert asset_created["data"]["asset_id"] == asset.id
    assert asset_created["data"]["new_asset_settings"]["passthrough"] == "post-1"
    assert asset_event["object"] == {"type": "asset", "id": asset.id}
    assert len({event["id"] for event in state.events}) == 3
    assert "secret" not in created["data"]


def test_creation_time_is_a_number_in_events_and_a_string_in_the_api(state: MuxState) -> None:
    asset = ready(state)
    assert asset.view()["created_at"] == "1700000000"
    assert state.events[-1]["data"]["created_at"] == 1_700_000_000
    assert state.events[-1]["created_at"] == "2023-11-14T22:13:20.000000Z"


def test_an_asset_without_playback_policy_shows_no_playback_ids(state: MuxState) -> None:
    asset = state.complete_upload(state.create_upload({}).id)
    assert "playback_ids" not in asset.view()


def test_an_upload_times_out_without_an_event(state: MuxState, clock: Clock) -> None:
    upload = state.create_upload({"timeout": 60})
    clock.now += 59.9
    assert state.upload(upload.id).status == "waiting"
    clock.now += 0.1
    assert state.upload(upload.id).status == "timed_out"
    assert types(state) == ["video.upload.created"]
    with pytest.raises(MuxError) as refused:
        state.complete_upload(upload.id)
    assert refused.value.status == 403


def test_an_upload_can_be_made_to_expire(state: MuxState) -> None:
    upload = state.create_upload({})
    assert state.expire_upload(upload.id).status == "timed_out"
    assert upload.timeout == 3600


def test_only_a_waiting_upload_can_be_cancelled(state: MuxState) -> None:
    upload = state.create_upload({})
    assert state.cancel_upload(upload.id).status == "cancelled"
    assert types(state)[-1] == "video.upload.cancelled"
    with pytest.raises(MuxError) as refused:
        state.cancel_upload(upload.id)
    assert refused.value.status == 403
    assert types(state).count("video.upload.cancelled") == 1


def test_a_failed_upload_says_why_and_leaves_no_asset(state: MuxState) -> None:
    upload = state.fail_upload(state.create_upload({}).id, "nothing in it")
    assert upload.view()["error"] == {"type": "invalid_input", "message": "nothing in it"}
    assert types(state)[-1] == "video.upload.errored"
    assert not state.assets


def test_a_failed_asset_says_why_and_is_not_billed(state: MuxState) -> None:
    asset = state.complete_upload(state.create_upload({}).id)
    state.fail_asset(asset.id, "broken")
    state.finish_asset(asset.id, VIDEO)
    assert asset.view()["status"] == "errored"
    assert asset.view()["errors"] == {"type": "invalid_input", "messages": ["broken"]}
    assert types(state)[-1] == "video.asset.errored"
    assert not asset.billed


def test_audio_only_is_ready_without_a_video_track(state: MuxState) -> None:
    view = ready(state, Media(duration=3.0, channels=2)).view()
    assert view["status"] == "ready"
    assert [track["type"] for track in view["tracks"]] == ["audio"]
    assert view["resolution_tier"] == "audio-only"
    assert view["max_stored_resolution"] == "Audio only"
    assert "aspect_ratio" not in view


@pytest.mark.parametrize(
    ("width", "height", "tier", "stored"),
    [
        (128, 72, "720p", "SD"),
        (720, 1280, "720p", "HD"),
        (1080, 1920, "1080p", "FHD"),
        (3840, 2160, "1080p", "FHD"),
    ],
)
def test_the_tier_follows_the_pixels_up_to_the_tier_that_was_asked_for(
    state: MuxState, width: int, height: int, tier: str, stored: str
) -> None:
    view = ready(state, Media(duration=1.0, width=width, height=height)).view()
    assert (view["resolution_tier"], view["max_stored_resolution"]) == (tier, stored)


def test_a_clip_is_an_asset_of_its_own(state: MuxState) -> None:
    source = ready(state)
    clip = state.create_asset(clip_of(source))
    assert clip.clip == (0.0, 180.0)
    state.finish_asset(clip.id, VIDEO.model_copy(update={"duration": 180.04}))
    view = clip.view()
    assert view["source_asset_id"] == source.id
    assert view["ingest_type"] == "on_demand_clip"
    assert "upload_id" not in view
    assert view["duration"] == 180.04
    assert view["playback_ids"] != source.view()["playback_ids"]
    assert types(state)[-2:] == ["video.asset.created", "video.asset.ready"]


@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 0.49), (10.0, 10.4), (5.0, 1.0), (199.9, 400.0), (-1.0, 3.0)]
)
def test_a_clip_below_half_a_second_is_refused(state: MuxState, start: float, end: float) -> None:
    source = ready(state)
    with pytest.raises(InvalidParametersError) as refused:
        state.create_asset(clip_of(source, start, end))
    assert refused.value.status == 400
    assert state.live_assets() == [source]


def test_a_clip_of_half_a_second_is_made(state: MuxState) -> None:
    assert state.create_asset(clip_of(ready(state), 1.0, 1.5)).status == "preparing"


def test_other_inputs_and_missing_ones_are_refused(state: MuxState) -> None:
    refused: list[object] = [None, [], [{"url": "https://example.com/a.mp4"}], [{}]]
    for inputs in refused:
        with pytest.raises(InvalidParametersError):
            state.create_asset({"inputs": inputs})


def test_a_clip_needs_a_source_that_is_ready_and_there(state: MuxState) -> None:
    preparing = state.complete_upload(state.create_upload({}).id)
    deleted = state.delete_asset(ready(state).id)
    unknown = deleted.model_copy(update={"id": "unknown"})
    for source in (preparing, deleted, unknown):
        with pytest.raises(InvalidParametersError):
            state.create_asset(clip_of(source))


def test_a_clip_fails_if_its_source_is_deleted_while_it_is_made(state: MuxState) -> None:
    source = ready(state)
    clip = state.create_asset(clip_of(source))
    state.delete_asset(source.id)
    assert state.finish_asset(clip.id, VIDEO).status == "errored"


def test_an_asset_cannot_be_deleted_while_it_is_preparing(state: MuxState) -> None:
    asset = state.complete_upload(state.create_upload({}).id)
    with pytest.raises(MuxError) as refused:
        state.delete_asset(asset.id)
    assert refused.value.status == 400
    assert state.live_assets() == [asset]


def test_a_deleted_asset_is_gone_but_stays_in_the_books_as_billed(state: MuxState) -> None:
    asset = ready(state)
    state.delete_asset(asset.id)
    assert types(state)[-1] == "video.asset.deleted"
    with pytest.raises(NotFoundError):
        state.delete_asset(asset.id)
    with pytest.raises(NotFoundError):
        state.find_playback(asset.playback_ids[0].id)
    assert state.assets[asset.id].billed
    assert not state.live_assets()


def test_passthrough_and_meta_can_be_changed(state: MuxState) -> None:
    asset = ready(state)
    state.update_asset(asset.id, {"passthrough": "other"})
    assert (asset.passthrough, asset.meta) == ("other", None)
    assert types(state)[-1] == "video.asset.updated"


def test_playback_ids_come_and_go(state: MuxState) -> None:
    asset = ready(state)
    signed = state.create_playback_id(asset.id, {"policy": "signed"})
    assert state.find_playback(signed.id) == (asset, signed)
    state.delete_playback_id(asset.id, signed.id)
    with pytest.raises(NotFoundError):
        state.delete_playback_id(asset.id, signed.id)


def test_the_newest_asset_is_listed_first(state: MuxState) -> None:
    first, second = ready(state), ready(state)
    assert state.live_assets() == [second, first]


@pytest.mark.parametrize(
    "body",
    [
        {"timeout": 59},
        {"timeout": 604_801},
        {"timeout": "3600"},
        {"new_asset_settings": {"passthrough": "x" * 256}},
        {"new_asset_settings": {"meta": {"title": "x" * 513}}},
        {"new_asset_settings": {"meta": {"creator_id": "x" * 129}}},
        {"new_asset_settings": {"meta": {"external_id": "x" * 129}}},
        {"new_asset_settings": {"video_quality": "best"}},
        {"new_asset_settings": {"playback_policies": ["private"]}},
        [],
        None,
    ],
)
def test_an_upload_that_breaks_a_rule_is_refused_and_leaves_no_trace(
    state: MuxState, body: object
) -> None:
    with pytest.raises(InvalidParametersError) as refused:
        state.create_upload(body)
    assert refused.value.status == 400
    assert not state.uploads
    assert not state.events


@pytest.mark.parametrize("tier", ["720p", "8k", ""])
def test_an_unknown_resolution_tier_is_refused_with_422(state: MuxState, tier: str) -> None:
    with pytest.raises(InvalidParametersError) as refused:
        state.create_upload({"new_asset_settings": {"max_resolution_tier": tier}})
    assert refused.value.status == 422


def test_fields_at_their_limits_are_taken(state: MuxState) -> None:
    meta = {"title": "x" * 512, "creator_id": "x" * 128, "external_id": "x" * 128}
    settings = {"passthrough": "x" * 255, "meta": meta, "max_resolution_tier": "2160p"}
    for timeout in (60, 604_800):
        upload = state.create_upload({"timeout": timeout, "new_asset_settings": settings})
        assert upload.timeout == timeout


@settings(deadline=None)
@given(st.integers())
def test_the_same_seed_gives_the_same_ids(seed: int) -> None:
    made = [MuxState(Clock(), seeded(seed)).create_upload({}).id for _ in range(2)]
    assert made[0] == made[1]


class AnyOrderOfCalls(RuleBasedStateMachine):
    """Whatever is asked in whatever order, the state stay consistent."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.rng = seeded(3)
        self.state = MuxState(self.clock, self.rng)
        self.final: dict[str, str] = {}

    def attempt(self, call: str, *arguments: object) -> None:
        try:
            getattr(self.state, call)(*arguments)
        except MuxError:
            return

    @rule()
    def create(self) -> None:
        self.state.create_upload({"timeout": 60})

    @rule(n=st.integers(0, 5), call=st.sampled_from(["cancel", "complete"]))
    def upload(self, n: int, call: str) -> None:
        if self.state.uploads:
            keys = list(self.state.uploads)
            self.attempt(f"{call}_upload", keys[n % len(keys)])

    @rule(n=st.integers(0, 5), call=st.sampled_from(["finish", "fail", "delete", "clip"]))
    def asset(self, n: int, call: str) -> None:
        assets = list(self.state.assets.values())
        if not assets:
            return
        asset = assets[n % len(assets)]
        match call:
            case "finish":
                self.attempt("finish_asset", asset.id, VIDEO)
            case "fail":
                self.attempt("fail_asset", asset.id, "broken")
            case "delete":
                self.attempt("delete_asset", asset.id)
            case _:
                self.attempt("create_asset", clip_of(asset))

    @rule(seconds=st.sampled_from([1.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def finished_states_never_change(self) -> None:
        for key, upload in self.state.uploads.items():
            if upload.status != "waiting":
                assert self.final.setdefault(key, upload.status) == upload.status
        for key, asset in self.state.assets.items():
            if asset.status != "preparing":
                assert self.final.setdefault(key, asset.status) == asset.status

    @invariant()
    def every_asset_has_one_event_per_state(self) -> None:
        for asset in self.state.assets.values():
            happened = [e["type"] for e in self.state.events if e["object"]["id"] == asset.id]
            assert happened.count("video.asset.created") == 1
            assert happened.count("video.asset.ready") == (asset.status == "ready")
            assert happened.count("video.asset.errored") == (asset.status == "errored")
            assert happened.count("video.asset.deleted") == (asset.deleted_at is not None)


TestAnyOrderOfCalls = AnyOrderOfCalls.TestCase
TestAnyOrderOfCalls.settings = settings(deadline=None, stateful_step_count=30)
