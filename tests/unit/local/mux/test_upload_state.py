import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.mux.errors import InvalidParametersError, MuxError
from local.mux.fault_rules import seeded
from local.mux.state.mux_state import MuxState
from tests.unit.local.mux.states import SETTINGS, VIDEO, Clock, ready, types


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
