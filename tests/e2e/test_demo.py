"""The whole demo on what `sam build` made, in AWS's runtime emulator."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.artifacts.functions import FUNCTIONS
from local.demo.promises import OF_ONE_SERVER
from local.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_OURS = ("DATABASE_URL", "DYNAMODB_ENDPOINT_URL", "PORT", "SEED_POSTS")
INIT = "INIT REPORT(durationMs: "


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another system user can reach."""
    made = Path(tempfile.mkdtemp(prefix="vroom-e2e-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("warm", ["0", "1"], ids=["cold", "warm"])
def test_the_demo_keeps_every_promise_on_aws_own_runtime(
    warm: str, folder: Path, builds: Path, built: Path
) -> None:
    given = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    done = subprocess.run(  # our own module
        [sys.executable, "-W", "error", "-m", "local.demo"],
        cwd=ROOT,
        env={
            **given,
            "TMPDIR": str(folder),
            "STATE_DIR": str(folder),
            "RUNTIME": "emulator",
            "ARTIFACTS_CACHE": str(builds),
            "WARM": warm,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for promise in OF_ONE_SERVER:
        assert re.search(rf"│ {promise} +│", done.stdout)
    assert "Every promise held, and every part has ended." in done.stdout
    for function in FUNCTIONS:
        log = (folder / "logs" / f"{function.name}.log").read_text(errors="replace")
        assert f"(cwd={built / function.logical_id}, handler={function.handler})" in log
        inits, invocations = log.count(INIT), log.count("\nREPORT RequestId: ")
        assert 1 <= inits < invocations
