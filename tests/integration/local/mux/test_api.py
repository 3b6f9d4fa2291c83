import shutil
from pathlib import Path
from uuid import UUID

import mux_python
import pytest

from local.mux.webhooks.sender import sign
from shared.mux import AssetSettings, MuxRefusedError
from shared.mux_client import MuxClient
from tests.integration.local.mux.running import (
    TIMEOUT,
    TOKEN_ID,
    TOKEN_SECRET,
    WEBHOOK_SECRET,
    Receiver,
    Running,
)
from tests.media import media_seconds


def test_an_uploaded_video_becomes_a_ready_asset_and_its_webhooks_are_signed(
    mux: Running, receiver: Receiver, videos: dict[str, Path]
) -> None:
    asset = mux.upload(videos["short"], passthrough="post-1", video_quality="basic")
    assert (asset.status, asset.passthrough, asset.ingest_type) == (
        "ready",
        "post-1",
        "on_demand_direct_upload",
    )
    assert asset.duration == pytest.approx(4, abs=0.1)
    assert (asset.aspect_ratio, asset.resolution_tier) == ("16:9", "720p")
    assert [track.type for track in asset.tracks] == ["video", "audio"]
    assert asset.playback_ids[0].policy == "public"
    assert isinstance(asset.created_at, str)
    assert sorted(receiver.types()) == [
        "video.asset.created",
        "video.asset.ready",
        "video.upload.asset_created",
        "video.upload.created",
    ]
    for received in receiver.received:
        signature = received.headers["mux-signature"]
        timestamp = int(signature.partition(",")[0].removeprefix("t="))
        assert signature == sign(WEBHOOK_SECRET, received.body, timestamp)


def test_the_file_at_an_address_becomes_an_asset_where_there_is_one(
    mux: Running, videos: dict[str, Path]
) -> None:
    folder = mux.state_dir / "media" / "addresses" / "cdn.example.com" / "a b"
    folder.mkdir(parents=True)
    shutil.copy(videos["short"], folder / "1.mp4")
    client = MuxClient(mux.url, TOKEN_ID, TOKEN_SECRET)
    post = UUID(int=7)
    settings = AssetSettings(post, post, "1080p", "basic")
    addresses = (
        "https://CDN.example.com/a%20b/1.mp4?token=x",
        "https://cdn.example.com/../cdn.example.com/none.mp4",
    )
    made = [client.create_asset(settings, address, budget_s=10) for address in addresses]
    mux.settle()
    there, missing = (client.get_asset(asset["id"], budget_s=10) for asset in made)
    assert there is not None
    assert missing is not None
    assert (there["status"], there["ingest_type"]) == ("ready", "on_demand_url")
    assert there["duration"] == pytest.approx(4, abs=0.1)
    assert (missing["status"], missing["passthrough"]) == ("errored", str(post))
    with pytest.raises(MuxRefusedError) as refused:
        client.create_asset(settings, "file:///etc/passwd", budget_s=10)
    assert refused.value.code == 400


def test_a_clip_of_a_long_video_is_cut_and_outlives_its_source(
    mux: Running, videos: dict[str, Path]
) -> None:
    source = mux.upload(videos["long"])
    assert source.duration == pytest.approx(200, abs=0.5)
    # It is to be preparing still when it is asked to be deleted.
    mux.control("settings", {"processing_delay": 3}, "PATCH")
    clip = mux.clip(source.id, 0, 180, passthrough="post-2")
    assert clip.status == "preparing"
    with pytest.raises(mux_python.ApiException) as refused:
        mux.assets.delete_asset(clip.id, _request_timeout=TIMEOUT)
    assert refused.value.status == 400
    mux.settle()
    clip = mux.assets.get_asset(clip.id, _request_timeout=TIMEOUT).data
    assert (clip.status, clip.source_asset_id, clip.upload_id) == ("ready", source.id, None)
    assert clip.duration == pytest.approx(180, abs=0.5)
    mux.assets.delete_asset(source.id, _request_timeout=TIMEOUT)
    address = f"{mux.url}/{clip.playback_ids[0].id}.m3u8"
    assert media_seconds(address) == pytest.approx(180, abs=0.7)
    state = {asset["id"]: asset for asset in mux.state()["assets"]}
    assert state[source.id]["deleted_at"]
    assert state[source.id]["billed"]
    assert state[clip.id]["deleted_at"] is None


def test_a_source_deleted_while_it_is_clipped_fails_the_clip(
    mux: Running, videos: dict[str, Path]
) -> None:
    source = mux.upload(videos["short"])
    mux.control("settings", {"processing_delay": 3}, "PATCH")
    clip = mux.clip(source.id, 0, 2)
    mux.assets.delete_asset(source.id, _request_timeout=TIMEOUT)
    mux.settle()
    assert mux.assets.get_asset(clip.id, _request_timeout=TIMEOUT).data.status == "errored"


def test_a_broken_file_errors_with_a_reason(
    mux: Running, receiver: Receiver, videos: dict[str, Path]
) -> None:
    asset = mux.upload(videos["broken"])
    assert (asset.status, asset.errors.type) == ("errored", "invalid_input")
    assert len(asset.errors.messages) == 1
    assert asset.duration is None
    assert "video.asset.errored" in receiver.types()


def test_a_sound_is_ready_without_a_video_track(mux: Running, videos: dict[str, Path]) -> None:
    asset = mux.upload(videos["audio"])
    assert (asset.status, asset.resolution_tier) == ("ready", "audio-only")
    assert [track.type for track in asset.tracks] == ["audio"]
    assert asset.max_stored_resolution == "Audio only"
    assert media_seconds(f"{mux.url}/{asset.playback_ids[0].id}.m3u8") > 2.5


def test_wrong_credentials_are_refused(mux: Running) -> None:
    for pair in (("token-id", "wrong"), ("wrong", "token-secret"), None):
        answer = mux.http.get("/video/v1/assets", auth=pair)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "unauthorized"


def test_an_upload_is_read_listed_and_cancelled_once(mux: Running) -> None:
    first, second = mux.create_upload(), mux.create_upload()
    assert (first.status, first.timeout, first.cors_origin) == ("waiting", 3600, "*")
    listed = mux.uploads.list_direct_uploads(limit=1, page=2, _request_timeout=TIMEOUT).data
    assert [upload.id for upload in listed] == [first.id]
    cancelled = mux.uploads.cancel_direct_upload(first.id, _request_timeout=TIMEOUT).data
    assert cancelled.status == "cancelled"
    with pytest.raises(mux_python.ApiException) as refused:
        mux.uploads.cancel_direct_upload(first.id, _request_timeout=TIMEOUT)
    assert refused.value.status == 403
    mux.control(f"uploads/{second.id}/expire")
    read = mux.uploads.get_direct_upload(second.id, _request_timeout=TIMEOUT).data
    assert read.status == "timed_out"


def test_assets_are_listed_by_page_and_by_upload(mux: Running, videos: dict[str, Path]) -> None:
    first, second = mux.upload(videos["broken"]), mux.upload(videos["broken"])

    def listed(**query: object) -> list[str]:
        answer = mux.assets.list_assets(_request_timeout=TIMEOUT, **query)
        return [asset.id for asset in answer.data]

    assert listed() == [second.id, first.id]
    assert listed(limit=1, page=2) == [first.id]
    assert listed(upload_id=first.upload_id) == [first.id]
    assert listed(live_stream_id="none") == []
    with pytest.raises(mux_python.ApiException) as refused:
        listed(limit=0)
    assert refused.value.status == 400


def test_assets_are_listed_by_cursor_however_the_list_changes(
    mux: Running, videos: dict[str, Path]
) -> None:
    first, second, third, fourth = (mux.upload(videos["broken"]).id for _ in range(4))

    def listed(**query: object) -> tuple[list[str], str | None]:
        answer = mux.assets.list_assets(_request_timeout=TIMEOUT, limit=1, **query)
        return [asset.id for asset in answer.data], answer.next_cursor

    page, cursor = listed()
    assert page == [fourth]
    page, cursor = listed(cursor=cursor)
    assert page == [third]
    mux.assets.delete_asset(third, _request_timeout=TIMEOUT)
    mux.upload(videos["broken"])
    page, cursor = listed(cursor=cursor)
    assert page == [second]
    assert listed(cursor=cursor) == ([first], None)
    with pytest.raises(mux_python.ApiException) as refused:
        listed(cursor="no cursor")
    assert refused.value.status == 400


def test_who_am_i_tells_the_account_to_its_owner_alone(mux: Running) -> None:
    answer = mux.http.get("/system/v1/whoami", auth=("token-id", "token-secret"))
    assert answer.json()["data"]["environment_type"] == "development"
    assert mux.http.get("/system/v1/whoami").status_code == 401


def test_the_asset_of_a_playback_id_is_found(mux: Running, videos: dict[str, Path]) -> None:
    asset = mux.upload(videos["broken"])
    finder = mux_python.PlaybackIDApi(mux.client)
    playback_id = asset.playback_ids[0].id
    found = finder.get_asset_or_livestream_id(playback_id, _request_timeout=TIMEOUT).data
    assert (found.policy, found.object.type, found.object.id) == ("public", "asset", asset.id)
    mux.assets.delete_asset_playback_id(asset.id, playback_id, _request_timeout=TIMEOUT)
    with pytest.raises(mux_python.ApiException) as refused:
        finder.get_asset_or_livestream_id(playback_id, _request_timeout=TIMEOUT)
    assert refused.value.status == 404


def test_the_input_of_an_asset_is_described(mux: Running, videos: dict[str, Path]) -> None:
    asset = mux.upload(videos["short"])
    (info,) = mux.assets.get_asset_input_info(asset.id, _request_timeout=TIMEOUT).data
    assert info.file.container_format == "mov,mp4,m4a,3gp,3g2,mj2"
    video, audio = info.file.tracks
    assert (video.type, video.encoding, video.width, video.height) == ("video", "h264", 128, 72)
    assert (audio.type, audio.encoding, audio.sample_rate) == ("audio", "aac", 16000)
    clip = mux.clip(asset.id, 1, 3)
    mux.settle()
    (info,) = mux.assets.get_asset_input_info(clip.id, _request_timeout=TIMEOUT).data
    assert info.settings.url == f"mux://assets/{asset.id}"
    assert (info.settings.start_time, info.settings.end_time) == (1, 3)


def test_a_video_whose_playback_id_is_deleted_or_replaced_is_told_of(
    mux: Running, receiver: Receiver, videos: dict[str, Path]
) -> None:
    asset = mux.upload(videos["short"])
    (old,) = asset.playback_ids
    mux.assets.delete_asset_playback_id(asset.id, old.id, _request_timeout=TIMEOUT)
    assert mux.http.get(f"/{old.id}.m3u8").status_code == 404
    policy = mux_python.CreatePlaybackIDRequest(policy="public")
    new = mux.assets.create_asset_playback_id(asset.id, policy, _request_timeout=TIMEOUT).data
    assert mux.http.get(f"/{new.id}.m3u8").status_code == 200
    mux.settle()
    updated = [r.event for r in receiver.received if r.event["type"] == "video.asset.updated"]
    # Webhooks come in any order.
    updated.sort(key=lambda event: event["created_at"])
    assert [event["data"].get("playback_ids") for event in updated] == [
        None,
        [{"id": new.id, "policy": "public"}],
    ]


def test_playback_ids_and_passthrough_can_be_changed(mux: Running, videos: dict[str, Path]) -> None:
    asset = mux.upload(videos["broken"])
    made = mux.assets.create_asset_playback_id(
        asset.id,
        mux_python.CreatePlaybackIDRequest(policy="signed"),
        _request_timeout=TIMEOUT,
    ).data
    got = mux.assets.get_asset_playback_id(asset.id, made.id, _request_timeout=TIMEOUT).data
    assert got.policy == "signed"
    mux.assets.delete_asset_playback_id(asset.id, made.id, _request_timeout=TIMEOUT)
    changed = mux.assets.update_asset(
        asset.id, mux_python.UpdateAssetRequest(passthrough="new"), _request_timeout=TIMEOUT
    ).data
    assert changed.passthrough == "new"
    meta = mux_python.AssetMetadata(title="A title")
    mux.assets.update_asset(
        asset.id, mux_python.UpdateAssetRequest(meta=meta), _request_timeout=TIMEOUT
    )
    changed = mux.assets.get_asset(asset.id, _request_timeout=TIMEOUT).data
    assert (changed.passthrough, changed.meta.title) == ("new", "A title")
    assert len(changed.playback_ids) == 1


def test_what_is_unknown_is_404_and_a_second_deletion_too(
    mux: Running, videos: dict[str, Path]
) -> None:
    asset = mux.upload(videos["broken"])
    mux.assets.delete_asset(asset.id, _request_timeout=TIMEOUT)
    for call, key in [
        (mux.assets.delete_asset, asset.id),
        (mux.assets.get_asset, "unknown"),
        (mux.uploads.get_direct_upload, "unknown"),
        (mux.uploads.cancel_direct_upload, "unknown"),
    ]:
        with pytest.raises(mux_python.ApiException) as refused:
            call(key, _request_timeout=TIMEOUT)
        assert refused.value.status == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("uploads", b"{", 400),
        ("uploads", b"\xff", 400),
        ("uploads", b'{"timeout": 1}', 400),
        ("uploads", b'{"new_asset_settings": {"max_resolution_tier": "720p"}}', 422),
        ("assets", b'{"inputs": [{"url": "ftp://example.com/a.mp4"}]}', 400),
        ("nothing", b"{}", 404),
    ],
)
def test_a_bad_request_is_answered_in_the_form_of_mux(
    mux: Running, path: str, body: bytes, status: int
) -> None:
    auth = ("token-id", "token-secret")
    answer = mux.http.post(f"/video/v1/{path}", content=body, auth=auth)
    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"type", "messages"}
    assert answer.json()["error"]["messages"]
    assert mux.state()["uploads"] == mux.state()["assets"] == []
