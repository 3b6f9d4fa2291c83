import socket
from pathlib import Path

import httpx
import mux_python
import pytest

from local.mux.uploads.resumable import CHUNK
from tests.integration.local.mux.running import TIMEOUT, Running

TOTAL = 2 * CHUNK + 1000
DATA = bytes(range(256)) * (TOTAL // 256) + bytes(TOTAL % 256)


def put(
    mux: Running, url: str, first: int, length: int, total: int | str = TOTAL
) -> httpx.Response:
    piece = DATA[first : first + length]
    header = {"content-range": f"bytes {first}-{first + len(piece) - 1}/{total}"}
    return mux.http.put(url, content=piece, headers=header)


def ask(mux: Running, url: str, total: int | str = "*") -> httpx.Response:
    return mux.http.put(url, headers={"content-range": f"bytes */{total}"})


def status(mux: Running, upload_id: str) -> str:
    upload = mux.uploads.get_direct_upload(upload_id, _request_timeout=TIMEOUT).data
    assert isinstance(upload.status, str)
    return upload.status


def test_chunks_are_taken_one_after_the_other(mux: Running) -> None:
    upload = mux.create_upload()
    first = put(mux, upload.url, 0, CHUNK)
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    second = put(mux, upload.url, CHUNK, CHUNK)
    assert (second.status_code, second.headers["range"]) == (308, f"bytes=0-{2 * CHUNK - 1}")
    assert status(mux, upload.id) == "waiting"
    assert put(mux, upload.url, 2 * CHUNK, 1000).status_code == 200
    assert status(mux, upload.id) == "asset_created"


def test_a_video_sent_in_chunks_arrives_whole(mux: Running, videos: dict[str, Path]) -> None:
    data = videos["long"].read_bytes()
    assert len(data) > 2 * CHUNK
    upload = mux.create_upload()
    for first in range(0, len(data), CHUNK):
        piece = data[first : first + CHUNK]
        header = {"content-range": f"bytes {first}-{first + len(piece) - 1}/{len(data)}"}
        answer = mux.http.put(upload.url, content=piece, headers=header)
    assert answer.status_code == 200
    mux.settle()
    (asset,) = mux.assets.list_assets(_request_timeout=TIMEOUT).data
    assert (asset.status, round(asset.duration)) == ("ready", 200)


def test_a_repeated_chunk_changes_nothing(mux: Running) -> None:
    upload = mux.create_upload()
    for _ in range(3):
        answer = put(mux, upload.url, 0, CHUNK)
        assert (answer.status_code, answer.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    put(mux, upload.url, CHUNK, CHUNK)
    answer = put(mux, upload.url, 0, CHUNK)
    assert answer.headers["range"] == f"bytes=0-{2 * CHUNK - 1}"


def test_a_chunk_out_of_order_is_not_taken(mux: Running) -> None:
    upload = mux.create_upload()
    answer = put(mux, upload.url, CHUNK, CHUNK)
    assert answer.status_code == 308
    assert "range" not in answer.headers
    put(mux, upload.url, 0, CHUNK)
    last = put(mux, upload.url, 2 * CHUNK, 1000)
    assert (last.status_code, last.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert status(mux, upload.id) == "waiting"


def test_the_status_can_be_asked_for_at_any_time(mux: Running) -> None:
    upload = mux.create_upload()
    assert ask(mux, upload.url).status_code == 308
    assert "range" not in ask(mux, upload.url, TOTAL).headers
    put(mux, upload.url, 0, CHUNK, "*")
    assert ask(mux, upload.url, TOTAL).headers["range"] == f"bytes=0-{CHUNK - 1}"
    put(mux, upload.url, CHUNK, CHUNK + 1000)
    assert ask(mux, upload.url, TOTAL).status_code == 200
    assert len(mux.state()["assets"]) == 1


def test_a_file_whose_length_is_told_at_the_end_is_complete_then(mux: Running) -> None:
    upload = mux.create_upload()
    put(mux, upload.url, 0, 2 * CHUNK, "*")
    assert ask(mux, upload.url, 2 * CHUNK).status_code == 200
    assert status(mux, upload.id) == "asset_created"


@pytest.mark.parametrize("header", ["bytes 0-99/1000", "bytes 0-9/5", "chunks", "bytes 0-9/10"])
def test_a_chunk_that_breaks_the_protocol_is_refused_and_not_kept(
    mux: Running, header: str
) -> None:
    upload = mux.create_upload()
    answer = mux.http.put(upload.url, content=b"x" * 8, headers={"content-range": header})
    assert answer.status_code == 400
    assert "range" not in ask(mux, upload.url).headers


def test_a_file_put_again_after_it_arrived_makes_no_second_asset(mux: Running) -> None:
    upload = mux.create_upload()
    assert [mux.http.put(upload.url, content=b"abc").status_code for _ in range(2)] == [200, 200]
    assert len(mux.state()["assets"]) == 1


def test_of_a_broken_off_request_whole_chunks_are_kept(mux: Running) -> None:
    upload = mux.create_upload()
    address = httpx.URL(upload.url)
    with socket.create_connection((address.host, address.port or 80)) as connection:
        head = f"PUT {address.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {TOTAL}\r\n\r\n"
        connection.sendall(head.encode() + DATA[: CHUNK + 500])
    # The server may hear of the two connections in any order.
    while "range" not in (answer := ask(mux, upload.url, TOTAL)).headers:
        assert answer.status_code == 308
    assert (answer.status_code, answer.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert put(mux, upload.url, CHUNK, CHUNK + 1000).status_code == 200


def test_an_upload_that_waits_no_longer_takes_nothing(mux: Running) -> None:
    cancelled, expired = mux.create_upload(), mux.create_upload()
    mux.uploads.cancel_direct_upload(cancelled.id, _request_timeout=TIMEOUT)
    mux.control(f"uploads/{expired.id}/expire")
    for upload in (cancelled, expired):
        assert mux.http.put(upload.url, content=b"abc").status_code == 410
    assert mux.state()["assets"] == []


def test_without_the_secret_there_is_no_upload(mux: Running) -> None:
    upload = mux.create_upload()
    for url in (upload.url[:-1] + "_", f"{mux.url}/upload/{upload.id}/x"):
        assert mux.http.put(url, content=b"abc").status_code == 404
    assert status(mux, upload.id) == "waiting"


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        ("*", "https://app.test", "*"),
        ("https://app.test", "https://app.test", "https://app.test"),
        ("https://app.test", "https://evil.test", None),
        (None, "https://app.test", None),
    ],
)
def test_a_page_of_the_right_origin_may_upload_and_read_the_range(
    mux: Running, allowed: str | None, origin: str, answered: str | None
) -> None:
    request = mux_python.CreateUploadRequest(
        cors_origin=allowed, new_asset_settings=mux_python.CreateAssetRequest()
    )
    upload = mux.uploads.create_direct_upload(request, _request_timeout=TIMEOUT).data
    asked = {
        "origin": origin,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "content-range",
    }
    preflight = mux.http.options(upload.url, headers=asked)
    assert preflight.headers.get("access-control-allow-origin") == answered
    header = {"origin": origin, "content-range": "bytes */*"}
    answer = mux.http.put(upload.url, headers=header)
    assert answer.headers.get("access-control-allow-origin") == answered
    if answered:
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        assert "content-range" in preflight.headers["access-control-allow-headers"]
        assert "Range" in answer.headers["access-control-expose-headers"]


def test_the_answer_to_a_chunk_can_be_lost_though_the_chunk_arrived(mux: Running) -> None:
    upload = mux.create_upload()
    rule = {"method": "PUT", "path": "/upload/", "count": 1, "done": True}
    mux.control("api-faults", rule | {"kind": "status", "status": 503})
    lost = mux.http.put(
        upload.url,
        content=DATA[:CHUNK],
        headers={"content-range": f"bytes 0-{CHUNK - 1}/{TOTAL}", "origin": "https://app.test"},
    )
    assert (lost.status_code, lost.headers["access-control-allow-origin"]) == (503, "*")
    assert ask(mux, upload.url).headers["range"] == f"bytes=0-{CHUNK - 1}"
    mux.control("api-faults", rule | {"kind": "cut"})
    with pytest.raises(httpx.HTTPError):
        put(mux, upload.url, CHUNK, CHUNK)
    assert ask(mux, upload.url).headers["range"] == f"bytes=0-{2 * CHUNK - 1}"
    assert put(mux, upload.url, 2 * CHUNK, 1000).status_code == 200
    assert status(mux, upload.id) == "asset_created"


def test_other_methods_are_refused_where_a_page_can_read_it(mux: Running) -> None:
    upload = mux.create_upload()
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = mux.http.request(method, upload.url, headers={"origin": "https://app.test"})
        assert answer.status_code == 405
        assert "PUT" in answer.headers["allow"]
        assert answer.headers["access-control-allow-origin"] == "*"
    assert status(mux, upload.id) == "waiting"


def test_a_page_can_read_every_refusal(mux: Running) -> None:
    cancelled = mux.create_upload()
    mux.uploads.cancel_direct_upload(cancelled.id, _request_timeout=TIMEOUT)
    waiting = mux.create_upload()
    page = {"origin": "https://app.test", "access-control-request-method": "PUT"}
    for url, header, code in [
        (f"{mux.url}/upload/unknown/unknown", {}, 404),
        (cancelled.url, {}, 410),
        (waiting.url, {"content-range": "bytes 0-9/5"}, 400),
    ]:
        preflight = mux.http.options(url, headers=page)
        answer = mux.http.put(url, content=b"abc", headers=page | header)
        assert (preflight.status_code, answer.status_code) == (204, code)
        for one in (preflight, answer):
            assert one.headers["access-control-allow-origin"] == "*"


def test_only_a_waiting_upload_shows_its_address(mux: Running) -> None:
    sent, cancelled = mux.create_upload(), mux.create_upload()
    assert mux.http.put(sent.url, content=b"abc").status_code == 200
    mux.uploads.cancel_direct_upload(cancelled.id, _request_timeout=TIMEOUT)
    for upload in (sent, cancelled):
        read = mux.uploads.get_direct_upload(upload.id, _request_timeout=TIMEOUT).data
        assert (read.url, read.status != "waiting") == (None, True)


def test_a_failing_upload_ends_as_errored(mux: Running) -> None:
    mux.control("settings", {"fail_uploads": 1}, "PATCH")
    upload = mux.create_upload()
    assert mux.http.put(upload.url, content=b"abc").status_code == 200
    read = mux.uploads.get_direct_upload(upload.id, _request_timeout=TIMEOUT).data
    assert (read.status, read.error.type, read.asset_id) == ("errored", "invalid_input", None)
