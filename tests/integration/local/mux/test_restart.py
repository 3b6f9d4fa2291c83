import base64
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.integration.local.mux.running import ROOT, TOKEN_ID, TOKEN_SECRET, Receiver, Running


def test_state_and_media_survive_a_restart(
    tmp_path: Path, receiver: Receiver, videos: dict[str, Path]
) -> None:
    first = Running(tmp_path)
    asset = first.upload(videos["short"], passthrough="post-1")
    before = first.state()
    assert len(before["webhooks"]) == 4
    assert first.end() == 0
    second = Running(tmp_path, receiver.url)
    second.settle()
    after = second.state()
    assert (after["uploads"], after["assets"]) == (before["uploads"], before["assets"])
    # The webhooks that had nowhere to go are delivered now.
    assert sorted(receiver.types()) == sorted(webhook["type"] for webhook in before["webhooks"])
    assert second.http.get(f"/{asset.playback_ids[0].id}.m3u8").status_code == 200
    assert second.end() == 0


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_work_that_was_broken_off_is_taken_up_again(
    tmp_path: Path, videos: dict[str, Path], sent: signal.Signals
) -> None:
    first = Running(tmp_path, processing_delay=600)
    upload = first.create_upload()
    assert first.http.put(upload.url, content=videos["short"].read_bytes()).status_code == 200
    assert first.end(sent) == (-9 if sent is signal.SIGKILL else 0)
    second = Running(tmp_path)
    second.settle()
    (asset,) = second.state()["assets"]
    assert (asset["status"], asset["upload_id"]) == ("ready", upload.id)
    assert second.end() == 0


def test_it_ends_while_a_request_hangs(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.control("api-faults", {"kind": "hang", "seconds": 600})
    address = httpx.URL(running.url)
    credentials = base64.b64encode(f"{TOKEN_ID}:{TOKEN_SECRET}".encode()).decode()
    head = f"Host: 127.0.0.1\r\nAuthorization: Basic {credentials}\r\n"
    with socket.create_connection((address.host, address.port or 80)) as connection:
        connection.sendall(f"GET /video/v1/assets HTTP/1.1\r\n{head}\r\n".encode())
        while not running.control("api-faults", method="GET")[0]["applied"]:
            continue
        assert running.end() == 0


def test_missing_settings_are_named(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MUX_")}
    command = [sys.executable, "-m", "local.mux", "--state-dir", str(tmp_path)]
    done = subprocess.run(  # noqa: S603 - our own module
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    for name in ("MUX_TOKEN_ID", "MUX_TOKEN_SECRET", "MUX_WEBHOOK_SECRET"):
        assert name in done.stderr
