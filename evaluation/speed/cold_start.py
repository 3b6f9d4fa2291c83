"""The cost of a new container: the init of each built function, compared with a bare one."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from evaluation.other_build import Build

_RUNS = 7


def measure(build: Build, folder: Path) -> dict[str, Any]:
    """Measure a build with its own `make init-times`.

    Args:
        build: The build to measure.
        folder: The folder that keeps what `sam build` makes.

    Returns:
        For each function `init_ms`, `bare_ms` and `ratio` of processor time. It is a note
        where `sam build` failed, as it does without a package index.
    """
    package = "deploy.artifacts" if (build.root / "deploy" / "artifacts").exists() else "artifacts"
    command = [build.python, "-m", package, "init-times", "--json", "--runs", str(_RUNS)]
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(  # noqa: S603  # our own program
        command,
        cwd=build.root,
        env=build.environment(STATE_DIR=str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"note": done.stderr.strip().rpartition("\n")[2] or "sam build failed"}
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise StackError(f"init times were not understood: {done.stdout[-200:]}") from error
    return found
