"""The Locust files run against the stack, and what they check holds for a few viewers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from local.paths import ROOT
from local.settings import StackSettings
from local.stack import Stack
from local.state import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def state_dir(scratch: Path) -> Iterator[Path]:
    """The folder of a running stack with a small catalogue and the stack.json of `make dev`."""
    folder = scratch / "load"
    # A busy machine is no lost dependency.
    patient = {"DATABASE_BUDGET_MS": "10000", "CACHE_BUDGET_MS": "10000"}
    chosen = StackSettings(state_dir=folder, durable=False, seed_posts=600, environment=patient)
    with Stack(chosen) as stack:
        write_json(folder / "stack.json", stack.info)
        yield folder


def locust(state_dir: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs Locust headless, as the make commands do."""
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--json"]
    return subprocess.run(  # noqa: S603  # the project's own files
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, "STATE_DIR": str(state_dir), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Requests by name."""
    return {line["name"]: line["num_requests"] for line in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("feed", {"GET /v1/feed, first page", "GET /v1/feed, next page"}),
        ("impressions", {"POST /v1/impressions", "POST /v1/impressions, again"}),
        ("mixed", {"GET /v1/feed, first page", "POST /v1/impressions"}),
    ],
)
def test_a_few_viewers_find_nothing_wrong(state_dir: Path, file: str, expected: set[str]) -> None:
    steady = ("--users", "2", "--spawn-rate", "2", "--run-time", "5s")

    done = locust(state_dir, "--locustfile", f"tests/load/{file}.py", *steady)

    assert done.returncode == 0, done.stderr
    assert expected <= set(counts(done))


def test_a_spike_ends_by_itself_with_nothing_wrong(state_dir: Path) -> None:
    files = "tests/load/feed.py,tests/load/spike.py"

    done = locust(state_dir, "--locustfile", files, LOAD_USERS="1", LOAD_SECONDS="6")

    assert done.returncode == 0, done.stderr
    assert counts(done)["/dev/token"] > 1  # more came than there were at first


def test_a_fault_fails_the_run(state_dir: Path, tmp_path: Path) -> None:
    picky = tmp_path / "picky.py"
    picky.write_text(
        "from locust import task\n"
        "from tests.load import viewers\n"
        "class Picky(viewers.Viewer):\n"
        "    @task\n"
        "    def refuse_all(self) -> None:\n"
        "        with self.client.request('GET', '/v1/feed', catch_response=True):\n"
        "            viewers.refuse(['nothing is right'])\n",
        encoding="utf-8",
    )

    done = locust(state_dir, "--locustfile", str(picky), "--users", "1", "--run-time", "2s")

    assert done.returncode == 1
    (failed,) = [line for line in json.loads(done.stdout) if line["name"] == "/v1/feed"]
    assert failed["num_failures"] == failed["num_requests"] > 0
