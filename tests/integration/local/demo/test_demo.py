"""The demo as `make demo` runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from local.demo.promises import OF_CELLS, OF_ONE_SERVER
from local.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-W", "error", "-m", "local.demo"]
NOT_OURS = ("DATABASE_URL", "DYNAMODB_ENDPOINT_URL", "PORT", "SEED_POSTS")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another system user can reach."""
    made = Path(tempfile.mkdtemp(prefix="vroom-demo-test-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def environment(folder: Path, **more: str) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return given | {"TMPDIR": str(folder)} | more


def test_the_demo_shows_pages_keeps_every_promise_and_leaves_nothing(folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own module
        COMMAND, cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for number in range(1, 6):
        assert f"\nPage {number} · cache" in done.stdout
    for word in ("fresh", "following", "trending", "explore", "repeat", "recycled", "↻"):
        assert f" {word} " in done.stdout
    assert "degraded: inventory" in done.stdout
    assert "a 200-s video is ready" in done.stdout
    for promise in OF_ONE_SERVER:
        assert re.search(rf"│ {promise} +│", done.stdout)
    assert "Every promise held, and every part has ended." in done.stdout
    assert list(folder.iterdir()) == []


def test_the_demo_of_two_cells_scrolls_viewers_of_both_and_leaves_nothing(folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own module
        COMMAND,
        cwd=ROOT,
        env=environment(folder, CELLS="2"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for number in (1, 2):
        assert f"\nCell {number} · cache" in done.stdout
    assert re.search(r"in force in every cell after [\d.]+ ms", done.stdout)
    for promise in OF_CELLS:
        assert re.search(rf"│ {promise} +│", done.stdout)
    assert "Every promise held, and every part has ended." in done.stdout
    assert list(folder.iterdir()) == []


def test_an_interrupted_demo_ends_all_it_started_and_says_so(folder: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - our own module
        COMMAND, cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "gateway at" in line:
                break
        parts = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(signal.SIGTERM)
        rest = demo.stdout.read()
    assert demo.returncode == 128 + signal.SIGINT
    assert "The demo was interrupted." in rest
    assert parts
    assert all(
        not part.is_running() or part.status() == psutil.STATUS_ZOMBIE
        for part in psutil.wait_procs(parts, 120)[1]
    )
    assert list(folder.iterdir()) == []


def test_a_stack_that_does_not_start_is_told_and_is_no_success(folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own module
        COMMAND,
        cwd=ROOT,
        env=environment(folder, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "The demo broke off: StackError" in done.stdout
    assert "Traceback" not in done.stderr
    (kept,) = folder.iterdir()
    assert f"Logs: {kept / 'logs'}" in done.stdout
