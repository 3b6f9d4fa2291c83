"""A run of `sam build` for the architecture of this machine and the Python that runs here."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from deploy.artifacts.functions import ROOT

# The files and folders on which a build depends.
_SOURCES = ("functions", "shared", "deploy/artifacts", "build.mk", "Makefile", "template.yaml")
_LEFT_OUT = {"__pycache__"}
_KEPT_BUILDS = 3  # another stack may still be running on an older build


class BuildError(Exception):
    """`sam build` failed. The message of the error is what it printed."""


def build(cache: Path) -> Path:
    """Return the folder with one built artifact for each function. Build it if it is missing.

    Args:
        cache: The folder that keeps builds, named after the hash of their sources. Several
            processes may share it.

    Raises:
        BuildError: The build failed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    target = cache.resolve() / digest()
    with (cache / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            builds = sorted((b for b in cache.iterdir() if b.is_dir()), key=_age)
            for old in builds[_KEPT_BUILDS:]:
                shutil.rmtree(old)
            build_anew(target)
    return target


def build_anew(target: Path) -> None:
    """Build all functions for this machine into a folder that does not exist yet.

    Raises:
        BuildError: The build failed.
    """
    with tempfile.TemporaryDirectory(prefix="sam-", dir=target.parent) as scratch:
        built = Path(scratch) / "build"
        environment = {
            **os.environ,
            "BUILD_ARCHITECTURE": platform.machine().replace("arm64", "aarch64"),
            "BUILD_PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
            "BUILD_INTERPRETER": sys.executable,
            "SAM_CLI_TELEMETRY": "0",
            # SAM looks on the PATH for a Python of the template's version. Ours must come first.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        done = subprocess.run(  # noqa: S603  # our own command
            [
                str(Path(sysconfig.get_path("scripts")) / "sam"),
                *("build", "--template-file", str(ROOT / "template.yaml")),
                *("--config-file", str(ROOT / "samconfig.toml")),
                *("--build-dir", str(built), "--cache-dir", str(Path(scratch) / "cache")),
            ],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BuildError(f"sam build failed:\n{done.stdout}{done.stderr}")
        built.rename(target)


def _age(build: Path) -> float:
    return -build.stat().st_mtime


def digest() -> str:
    """Return a hash of all that a build for this machine depends on."""
    total = hashlib.sha256(f"{platform.machine()} {sys.version_info[:2]}".encode())
    for source in _SOURCES:
        path = ROOT / source
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.is_file() and not _LEFT_OUT & set(file.parts):
                total.update(f"{file.relative_to(ROOT)}\0{file.stat().st_size}\0".encode())
                total.update(file.read_bytes())
    return total.hexdigest()[:16]
