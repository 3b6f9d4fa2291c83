from pathlib import Path

import mux_python
import pytest
import urllib3

from tests.integration.local.mux.running import TIMEOUT, Running

UPLOADS = {"method": "POST", "path": "/video/v1/uploads", "count": 1}


def test_a_status_is_answered_as_often_as_asked_without_retry_after(mux: Running) -> None:
    for status in (429, 500):
        mux.control("api-faults", UPLOADS | {"kind": "status", "status": status})
        with pytest.raises(mux_python.ApiException) as refused:
            mux.create_upload()
        assert refused.value.status == status
        assert "Retry-After" not in refused.value.headers
    mux.create_upload()
    assert len(mux.state()["uploads"]) == 1


def test_a_retry_after_is_sent_where_asked_for(mux: Running) -> None:
    mux.control("api-faults", UPLOADS | {"kind": "status", "status": 429, "retry_after": 7})
    with pytest.raises(mux_python.ApiException) as refused:
        mux.create_upload()
    assert refused.value.headers["Retry-After"] == "7"


def test_an_answer_can_be_lost_though_the_request_was_done(mux: Running) -> None:
    mux.control("api-faults", UPLOADS | {"kind": "cut", "done": True})
    with pytest.raises(urllib3.exceptions.HTTPError):
        mux.create_upload(passthrough="lost")
    (upload,) = mux.state()["uploads"]
    assert upload["new_asset_settings"]["passthrough"] == "lost"
    assert mux.state()["calls"]["by_status"]["POST"] == {"0": 1}


def test_a_connection_can_be_cut_before_anything_is_done(mux: Running) -> None:
    mux.control("api-faults", UPLOADS | {"kind": "cut"})
    with pytest.raises(urllib3.exceptions.HTTPError):
        mux.create_upload()
    assert mux.state()["uploads"] == []


@pytest.mark.parametrize("done", [True, False])
def test_a_request_can_hang_with_or_without_being_done(mux: Running, *, done: bool) -> None:
    mux.control("api-faults", UPLOADS | {"kind": "hang", "seconds": 600, "done": done})
    with pytest.raises(urllib3.exceptions.HTTPError):
        mux.uploads.create_direct_upload({"cors_origin": "*"}, _request_timeout=(5, 0.3))
    # The client may have given up before the stand-in came to the request.
    while not mux.control("api-faults", method="GET")[0]["applied"]:
        continue
    while len(mux.state()["uploads"]) < done:
        continue
    assert len(mux.state()["uploads"]) == done


def test_a_hanging_connection_is_closed_in_the_end(mux: Running) -> None:
    mux.control("api-faults", UPLOADS | {"kind": "hang", "seconds": 0})
    with pytest.raises(urllib3.exceptions.HTTPError):
        mux.create_upload()


def test_an_error_can_be_answered_though_the_request_was_done(mux: Running) -> None:
    mux.control("api-faults", UPLOADS | {"kind": "status", "status": 502, "done": True})
    with pytest.raises(mux_python.ApiException) as refused:
        mux.create_upload()
    assert refused.value.status == 502
    assert len(mux.state()["uploads"]) == 1


def test_a_slow_request_is_done_and_answered(mux: Running) -> None:
    mux.control("api-faults", UPLOADS | {"kind": "slow", "seconds": 0.05})
    assert mux.create_upload().status == "waiting"


def test_too_many_posts_are_refused_without_retry_after(mux: Running) -> None:
    mux.control("settings", {"post_rate": 0.001, "post_burst": 3}, "PATCH")
    for _ in range(3):
        mux.create_upload()
    with pytest.raises(mux_python.ApiException) as refused:
        mux.create_upload()
    assert refused.value.status == 429
    assert "Retry-After" not in refused.value.headers
    assert len(mux.state()["uploads"]) == 3
    assert mux.state()["calls"]["by_verb"] == {"POST": 4}
    mux.assets.list_assets(_request_timeout=TIMEOUT)


def test_the_next_clip_can_be_made_to_fail(mux: Running, videos: dict[str, Path]) -> None:
    source = mux.upload(videos["short"])
    mux.control("settings", {"fail_clips": 1}, "PATCH")
    failed, made = mux.clip(source.id, 0, 2), mux.clip(source.id, 0, 2)
    mux.settle()
    states = [mux.assets.get_asset(a.id, _request_timeout=TIMEOUT).data for a in (failed, made)]
    assert [asset.status for asset in states] == ["errored", "ready"]


def test_the_next_file_can_be_made_to_fail(mux: Running, videos: dict[str, Path]) -> None:
    mux.control("settings", {"fail_assets": 1}, "PATCH")
    assert mux.upload(videos["short"]).status == "errored"
