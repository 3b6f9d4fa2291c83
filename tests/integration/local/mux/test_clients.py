"""Mux's own clients against the stand-in: UpChunk and mux-uploader in Chromium, and mux-node."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from local.node import Node, environment, find_node
from tests.integration.local.mux.running import ROOT, TIMEOUT, TOKEN_ID, TOKEN_SECRET, Running
from tests.media import make_video

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FOLDER = ROOT / "tests" / "browser"
CHUNK_KIB = 256
SECONDS = 120


@pytest.fixture(scope="session")
def node() -> Node:
    """Node with the packages of the lock file, which are installed once."""
    found = find_node()
    if found is None:
        pytest.skip("Node 20 or later is missing")
    lock, done = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        command = [*found.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(  # noqa: S603 - our own lock file
            command,
            cwd=FOLDER,
            env=environment(found),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        if installed.returncode:
            pytest.skip(f"The packages of {lock} cannot be had: {installed.stderr[-300:]}")
        shutil.copy(lock, done)
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Debian's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is missing")
    return found


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video of several chunks."""
    path = make_video(tmp_path_factory.mktemp("film") / "film.mp4", 20)
    # A box that players skip makes it as large as it has to be.
    padding = 4 * CHUNK_KIB * 1024
    with path.open("ab") as file:
        file.write((padding + 8).to_bytes(4, "big") + b"free" + bytes(padding))
    return path


def in_chromium(node: Node, chromium: str, jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Upload in one page, one job after the other, and return the outcomes."""
    outcomes: list[dict[str, Any]] = json.loads(
        run(node, "uploads.mjs", chromium, stdin=json.dumps(jobs))
    )
    return outcomes


def run(node: Node, *arguments: str, stdin: str = "") -> str:
    credentials = {"MUX_TOKEN_ID": TOKEN_ID, "MUX_TOKEN_SECRET": TOKEN_SECRET}
    done = subprocess.run(  # noqa: S603 - our own scripts
        [str(node.node), *arguments],
        cwd=FOLDER,
        env=environment(node) | credentials,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def the_asset(mux: Running, upload: Any) -> Any:  # noqa: ANN401 - mux_python has no types
    """Return the only asset of an upload, as it is once all is settled."""
    mux.settle()
    assets = mux.assets.list_assets(upload_id=upload.id, _request_timeout=TIMEOUT).data
    (asset,) = assets
    return asset


def test_upchunk_sends_a_file_in_chunks(
    mux: Running, node: Node, chromium: str, film: Path
) -> None:
    upload = mux.create_upload()
    job = {"client": "upchunk", "url": upload.url, "file": str(film), "chunkKiB": CHUNK_KIB}
    (outcome,) = in_chromium(node, chromium, [job])
    assert (outcome["ok"], outcome["errors"]) == (True, [])
    assert outcome["chunks"] == -(-film.stat().st_size // (CHUNK_KIB * 1024))
    asset = the_asset(mux, upload)
    assert (asset.status, round(asset.duration)) == ("ready", 20)


def test_upchunk_goes_on_where_the_answers_to_chunks_are_lost(
    mux: Running, node: Node, chromium: str, film: Path
) -> None:
    upload = mux.create_upload()
    rule = {"method": "PUT", "path": "/upload/", "kind": "status", "status": 503, "done": True}
    mux.control("api-faults", rule | {"skip": 1, "count": 2})
    job = {"client": "upchunk", "url": upload.url, "file": str(film), "chunkKiB": CHUNK_KIB}
    (outcome,) = in_chromium(node, chromium, [job])
    assert (outcome["ok"], outcome["errors"]) == (True, [])
    asset = the_asset(mux, upload)
    assert (asset.status, round(asset.duration)) == ("ready", 20)


def test_upchunk_started_again_after_a_lost_connection_completes_the_same_upload(
    mux: Running, node: Node, chromium: str, film: Path
) -> None:
    upload = mux.create_upload()
    rule = {"method": "PUT", "path": "/upload/", "kind": "cut", "done": True}
    # Chromium itself sends a request again whose connection was lost without an answer, once.
    mux.control("api-faults", rule | {"skip": 1, "count": 2})
    job = {"client": "upchunk", "url": upload.url, "file": str(film), "chunkKiB": CHUNK_KIB}
    (outcome,) = in_chromium(node, chromium, [job | {"again": 1}])
    # UpChunk gives up at a lost connection. The second attempt repeats what has arrived.
    assert (outcome["ok"], len(outcome["errors"])) == (True, 1)
    asset = the_asset(mux, upload)
    assert (asset.status, round(asset.duration)) == ("ready", 20)


def test_upchunk_tells_of_an_upload_that_was_cancelled(
    mux: Running, node: Node, chromium: str, film: Path
) -> None:
    upload = mux.create_upload()
    mux.uploads.cancel_direct_upload(upload.id, _request_timeout=TIMEOUT)
    job = {"client": "upchunk", "url": upload.url, "file": str(film), "chunkKiB": CHUNK_KIB}
    (outcome,) = in_chromium(node, chromium, [job])
    assert not outcome["ok"]
    assert "410" in outcome["errors"][0]


def test_the_element_mux_uploader_sends_the_file_of_its_input(
    mux: Running, node: Node, chromium: str, film: Path
) -> None:
    upload = mux.create_upload()
    job = {"client": "uploader", "url": upload.url, "file": str(film)}
    (outcome,) = in_chromium(node, chromium, [job])
    assert outcome == {"ok": True, "errors": []}
    asset = the_asset(mux, upload)
    assert (asset.status, round(asset.duration)) == ("ready", 20)


def test_a_recording_of_the_browser_keeps_its_length_and_an_ordinary_frame_rate(
    mux: Running, node: Node, chromium: str
) -> None:
    upload = mux.create_upload()
    job = {"client": "recording", "url": upload.url, "seconds": 3}
    (outcome,) = in_chromium(node, chromium, [job])
    assert (outcome["ok"], outcome["errors"]) == (True, [])
    asset = the_asset(mux, upload)
    assert (asset.status, asset.aspect_ratio) == ("ready", "4:7")
    assert {track.type for track in asset.tracks} == {"video", "audio"}
    assert 1 < asset.duration < 6
    assert 0 < asset.max_stored_frame_rate <= 60


def test_mux_node_uploads_lists_signs_and_deletes(mux: Running, node: Node, film: Path) -> None:
    seen = json.loads(run(node, "mux-node.mjs", mux.url, str(film)))
    asset_id = seen.pop("assetId")
    assert seen == {
        "sent": 200,
        "status": "ready",
        "progress": "completed",
        "container": "mov,mp4,m4a,3gp,3g2,mj2",
        "listed": [asset_id],
        "signed": 200,
        "unsigned": 403,
        "found": asset_id,
        "who": "development",
        "passthrough": "changed",
        "gone": "NotFoundError",
    }
