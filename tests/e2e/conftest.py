"""What `sam build` makes for this machine, built once and shared by all of a run's processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from deploy.artifacts.host import build
from local.paths import ROOT

# AWS's emulator is a binary for Linux.
collect_ignore_glob = [] if sys.platform == "linux" else ["*"]


@pytest.fixture(scope="session")
def builds() -> Path:
    """The folder that keeps builds from one run to the next."""
    return Path(os.environ.get("ARTIFACTS_CACHE") or ROOT / ".local" / "artifacts")


@pytest.fixture(scope="session")
def built(builds: Path) -> Path:
    """A folder with one artifact a function."""
    return build(builds)
