import pytest
from mux_python.models import AssetNonStandardInputReasons

from local.mux.errors import InvalidParametersError, MuxError, NotFoundError
from local.mux.records import Media
from local.mux.state.mux_state import MuxState
from tests.unit.local.mux.states import VIDEO, clip_of, ready, types


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


def test_a_damaged_file_becomes_a_ready_asset_with_a_reason_of_mux(state: MuxState) -> None:
    view = ready(state, VIDEO.model_copy(update={"damaged": True})).view()
    assert view["status"] == "ready"
    reasons = view["non_standard_input_reasons"]
    assert reasons == {"unexpected_media_file_parameters": "non-standard"}
    AssetNonStandardInputReasons(**reasons)  # Mux's own model refuses unknown names and values.
    assert "non_standard_input_reasons" not in ready(state).view()


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
    web = {"url": "https://example.com/a.mp4"}
    refused: list[object] = [None, [], [{}], [web, web]]
    refused += [
        [{"url": url}] for url in ("", "a.mp4", "ftp://example.com/a", "https://", "http://[")
    ]
    for inputs in refused:
        with pytest.raises(InvalidParametersError):
            state.create_asset({"inputs": inputs})


def test_an_asset_is_made_of_the_file_at_an_address(state: MuxState) -> None:
    url = "https://example.com/a.mp4"
    asset = state.create_asset({"inputs": [{"url": url}], "passthrough": "p"})
    view = asset.view()
    assert (view["status"], view["passthrough"]) == ("preparing", "p")
    assert view["ingest_type"] == "on_demand_url"
    assert "input_url" not in view
    assert asset.input_info()[0]["settings"] == {"url": url}
    assert state.events[-1]["type"] == "video.asset.created"


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


def test_a_deleted_asset_is_gone_but_is_kept_as_billed(state: MuxState) -> None:
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
