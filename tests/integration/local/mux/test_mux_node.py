"""Mux's own client for Node, and this project's, against the stand-in."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr

from functions.feed_ranker.playback import PlaybackTokens, PlaybackUrls
from functions.mux_webhook import signature
from shared.mux import AssetSettings
from shared.mux_client import MuxClient
from tests.integration.local.mux.running import (
    TIMEOUT,
    TOKEN_ID,
    TOKEN_SECRET,
    WEBHOOK_SECRET,
    Running,
)
from tests.media import media_seconds

NODE, NPM = shutil.which("node"), shutil.which("npm")
PROGRAM = Path(__file__).parent / "node"
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")


@pytest.fixture(scope="module")
def mux_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the program can import mux-node."""
    if NODE is None or NPM is None:
        pytest.skip("mux-node needs node and npm")
    folder = tmp_path_factory.mktemp("mux-node") / "node"
    shutil.copytree(PROGRAM, folder)
    done = subprocess.run(  # noqa: S603 - npm, with the packages that the lock file pins
        [NPM, *INSTALL], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"npm cannot install mux-node: {done.stderr.strip()[-200:]}")
    return folder


def test_mux_node_takes_a_video_through_its_whole_life(
    mux: Running, videos: dict[str, Path], mux_node: Path
) -> None:
    body = json.dumps({"type": "video.asset.ready", "data": {}})
    signed = signature.sign(WEBHOOK_SECRET, body.encode(), int(time.time()))
    account = (mux.url, TOKEN_ID, TOKEN_SECRET, WEBHOOK_SECRET)
    done = subprocess.run(  # noqa: S603 - our own program
        [str(NODE), "whole_life.mjs", *account, str(videos["short"]), signed, body],
        cwd=mux_node,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    asset = told["asset"]
    assert (asset["status"], asset["passthrough"]) == ("ready", "by mux-node")
    assert asset["duration"] == pytest.approx(4, abs=0.2)
    assert told["listed"] == [asset["id"]]
    assert (told["played"], told["event"]) == (200, "video.asset.ready")
    assert (told["left"], told["gone"]) == ([], True)

    # The feed's tokens are those that Mux's own client makes, but for the moment of expiry.
    key = SecretStr(told["key"]["secret"])
    ours = PlaybackTokens(told["key"]["id"], key, 3_600).token(
        asset["playback_ids"][0]["id"], "v", time.time()
    )
    unread: Any = {"verify_signature": False}
    theirs, made = (jwt.decode(token, options=unread) for token in (told["token"], ours))
    assert made | {"exp": 0} == {name: theirs[name] for name in made} | {"exp": 0}


def test_each_address_that_the_feed_signs_opens(mux: Running, videos: dict[str, Path]) -> None:
    asset = mux.upload(videos["short"], playback_policies=["signed"])
    key = mux.client.call_api(
        "/system/v1/signing-keys",
        "POST",
        auth_settings=["accessToken"],
        response_types_map={201: "object"},
        _request_timeout=TIMEOUT,
    )[0]["data"]
    tokens = PlaybackTokens(key["id"], SecretStr(key["private_key"]), 60)
    content = {"playback_id": asset.playback_ids[0].id, "signed": True}
    made = PlaybackUrls(mux.url, mux.url, tokens).of(content, time.time())
    assert media_seconds(made["hls_url"]) == pytest.approx(4, abs=0.2)
    for name in ("thumbnail_url", "storyboard_url"):
        assert mux.http.get(made[name]).status_code == 200, name
    bare = PlaybackUrls(mux.url, mux.url).of(content, time.time())
    for address in bare.values():
        assert mux.http.get(address).status_code == 403


def test_this_projects_client_takes_a_video_through_its_whole_life(
    mux: Running, videos: dict[str, Path]
) -> None:
    client = MuxClient(mux.url, TOKEN_ID, TOKEN_SECRET)
    settings = AssetSettings(uuid4(), uuid4(), "1080p", "basic", "signed")
    upload = client.create_upload(settings, cors_origin="https://app", timeout_s=60, budget_s=10)
    found = client.list_uploads(1, 10, budget_s=10)
    assert [one["new_asset_settings"]["passthrough"] for one in found] == [str(settings.post_id)]
    assert mux.http.put(upload["url"], content=videos["short"].read_bytes()).status_code == 200
    mux.settle()
    asset_id = (client.get_upload(upload["id"], budget_s=10) or {})["asset_id"]
    clip = client.create_clip(settings, asset_id, 2.0, budget_s=10)
    mux.settle()
    source = client.get_asset(asset_id, budget_s=10) or {}
    assert source["playback_ids"][0]["policy"] == "signed"
    assert {a["id"] for a in client.list_assets(1, 10, budget_s=10)} == {asset_id, clip["id"]}
    assert client.delete_asset(asset_id, budget_s=10)
    assert client.get_asset(asset_id, budget_s=10) is None
    assert not client.cancel_upload(upload["id"], budget_s=10)
