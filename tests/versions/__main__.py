"""Run tests on several versions of Postgres: `python -m tests.versions [VERSION …] [-- PYTEST …]`.

Without versions it takes every supported one. Without arguments for pytest it runs what speaks to
Postgres, or of that the folders of `tests/integration` that SUITES names. A version that cannot be
had is skipped with a word.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local.services.postgres import embedded_postgres
from tests.versions.servers import (
    BINARIES,
    SUPPORTED,
    VERSION,
    UnavailableServerError,
    server_binaries,
)

_ALL = ("database", "engagement", "feed", "uploads", "ops/adopt", "cells")
_SUITES = [f"tests/integration/{name}" for name in os.environ.get("SUITES", "").split() or _ALL]


def run(version: int, arguments: list[str], cache: Path) -> int:
    """Run pytest against a server of `version`; return its exit status.

    Raises:
        UnavailableServerError: The server's programs cannot be had.
    """
    binaries = server_binaries(version, cache)
    with tempfile.TemporaryDirectory(prefix="vroom-versions-") as scratch:
        data_dir = Path(scratch) / "postgres"
        with embedded_postgres(data_dir, durable=False, binaries=binaries) as server:
            command = [sys.executable, "-m", "pytest", *arguments]
            environment = {
                **os.environ,
                "DATABASE_URL": server.admin_url,
                BINARIES: str(binaries.folder),
                VERSION: str(version),
            }
            return subprocess.run(command, check=False, env=environment).returncode


def main(arguments: list[str]) -> int:
    """Run the versions that are named; return 1 where one of them failed."""
    named, _, given = " ".join(arguments).partition("--")
    try:
        versions = [int(word) for word in named.split()] or list(SUPPORTED)
    except ValueError:
        versions = []
    if not versions or not set(versions) <= set(SUPPORTED):
        known = ", ".join(map(str, SUPPORTED))
        print(f"Usage: python -m tests.versions [VERSION …] [-- PYTEST …], of {known}")
        return 2
    cache = Path(os.environ.get("STATE_DIR", ".local")).resolve() / "servers"
    options = given.split() or ["--quiet", "--numprocesses", "auto", "--dist", "loadfile", *_SUITES]
    outcomes: dict[int, str] = {}
    for version in versions:
        print(f"== Postgres {version}", flush=True)
        try:
            status = run(version, options, cache)
        except UnavailableServerError as error:
            outcomes[version] = f"skipped: {error}"
            continue
        outcomes[version] = "passed" if status == 0 else f"failed (pytest's exit status {status})"
    for version, outcome in outcomes.items():
        print(f"Postgres {version}: {outcome}")
    return int(any(outcome.startswith("failed") for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
