"""The page in real Chromium on a stack of its own, and what Postgres holds afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any
from uuid import UUID

import imageio_ffmpeg
import psycopg
import pytest

from local.errors import StackError
from local.node import Node, environment, find_node, install_packages
from local.paths import CLIENT
from local.settings import StackSettings
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POSTS = 200
# Some 8 MB of a picture that compresses badly, so that an upload takes several requests.
NOISE = "testsrc2=size=1280x720:rate=30,noise=alls=18:allf=t"


@pytest.fixture(scope="module")
def node() -> Node:
    found = find_node()
    if found is None:
        pytest.skip("there is no Node 20 on this machine (make client installs one)")
    try:
        install_packages(found)
    except StackError as error:
        pytest.skip(str(error))
    return found


@pytest.fixture(scope="module")
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.skip("there is no Chromium on this machine (Debian's package chromium)")
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("browser")
    with Stack(StackSettings(state_dir=state, durable=False, seed_posts=POSTS)) as running:
        yield running


def make_video(path: Path) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", NOISE, "-f", "lavfi", "-i", "sine=440", "-t", "8"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "8M", "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-c:a", "aac", str(path)], check=True)  # noqa: S603  # ours
    return path


def stored(connection: psycopg.Connection[Any], viewer: str) -> set[tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT event_id, post_id, source, position, session_id FROM user_post_impressions"
        " WHERE user_id = %s",
        [viewer],
    ).fetchall()
    return set(rows)


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    ids = [UUID(row[name]) for name in ("event_id", "post_id", "session_id")]
    return (ids[0], ids[1], row["source"], row["position"], ids[2])


def stored_watches(connection: psycopg.Connection[Any], viewer: str) -> set[tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT event_id, post_id, play_ms, duration_ms, liked, commented, shared"
        " FROM watch_events WHERE user_id = %s",
        [viewer],
    ).fetchall()
    return set(rows)


def told_watch(row: dict[str, Any]) -> tuple[Any, ...]:
    values = ("play_ms", "duration_ms", "liked", "commented", "shared")
    return (UUID(row["event_id"]), UUID(row["post_id"]), *(row[name] for name in values))


@pytest.mark.timeout(900)
def test_the_page_keeps_its_promises(
    node: Node, chromium: str, stack: Stack, tmp_path: Path
) -> None:
    seen_rows = tmp_path / "seen_rows.json"
    watched_rows = tmp_path / "watched_rows.json"
    variables = {
        "BASE_URL": stack.base_url,
        "CHROMIUM": chromium,
        "VIDEO": str(make_video(tmp_path / "video.mp4")),
        "SEEN_ROWS": str(seen_rows),
        "WATCHED_ROWS": str(watched_rows),
        "REPORTER": "spec",
    }
    command = [str(node.node), "scripts/test.mjs", "e2e"]
    done = subprocess.run(  # noqa: S603  # a script of ours
        command,
        cwd=CLIENT,
        env={**environment(node), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]

    # What the pages say was seen is what Postgres holds, row by row: nothing more, nothing less.
    pages: dict[str, list[dict[str, Any]]] = json.loads(seen_rows.read_text(encoding="utf-8"))
    watches: dict[str, dict[str, list[Any]]] = json.loads(watched_rows.read_text(encoding="utf-8"))
    assert len(pages) >= 5
    assert watches
    with psycopg.connect(stack.info["admin_database_url"]) as connection:
        for viewer, rows in pages.items():
            assert len({row["event_id"] for row in rows}) == len(rows)
            assert stored(connection, viewer) == {told(row) for row in rows}
        for viewer, rows_of in watches.items():
            open_ids = {UUID(event_id) for event_id in rows_of["open"]}
            arrived = {row for row in stored_watches(connection, viewer) if row[0] not in open_ids}
            assert arrived == {told_watch(row) for row in rows_of["sent"]}
