"""A description of the build that was measured, and of the machine on which it ran."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from typing import Any

import psutil

from local.paths import ROOT
from local.services.pgwheel import VERSION

_IDLE_LOAD = 0.25  # per core: a machine with a load up to this counts as idle


def machine() -> dict[str, Any]:
    """Return processor, memory, versions, stand-in and load. Nothing in it names the machine."""
    cores, load = os.cpu_count() or 1, psutil.getloadavg()[0]
    return {
        "cores": cores,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "postgres": VERSION,
        "dynamodb": "given" if os.environ.get("DYNAMODB_ENDPOINT_URL") else "moto",
        "load_before": round(load, 2),
        "busy": load > _IDLE_LOAD * cores,
    }


def commit() -> str | None:
    """Return the commit that is checked out, with a `+` where files differ from it.

    It is None where this is not a checkout, or git is not installed.
    """
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # git alone
    return done.stdout.strip() or None if done.returncode == 0 else None
