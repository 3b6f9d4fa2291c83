"""Servers of the versions that the embedded wheel does not carry, from Maven Central.

The jars of `io.zonky.test.postgres` hold the programs of one version each. Maven fetches them by
name, so that no address stands here; the hash says that they are what was tested.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

from local.services.pgwheel import EMBEDDED, ServerBinaries

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_ARTIFACT = "io.zonky.test.postgres:embedded-postgres-binaries-linux"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64v8"}
# Major version to its release, and machine to the SHA-256 of its jar.
_RELEASES = {
    15: (
        "15.18.0",
        {
            "amd64": "6490649298abbe834a969b57df53e66e056f76894054a8f32f7a56f33abe0087",
        },
    ),
    16: (
        "16.14.0",
        {
            "amd64": "3278331b124b46fb9f8bea30c7ff3bd6227a3934dad38a6ddb625eb7dcfa8ca8",
            "arm64v8": "482f5ccdb15f68f4bfe524a5b9df734e169db9d1d29c32a513af44ac9efc127a",
        },
    ),
    17: (
        "17.10.0",
        {
            "amd64": "a6c44794a7a258621b8cb98c196bf621cdd705d9fa73c3628166b658c419877a",
            "arm64v8": "47aa73724470a8bdb5e68e3978c1f07c577ab7a5c23b97b84f99d7e165f4876f",
        },
    ),
}
SUPPORTED = (*_RELEASES, EMBEDDED.version)

# By these variables the tests are told which programs to start servers with.
BINARIES = "POSTGRES_BINARIES"
VERSION = "POSTGRES_VERSION"


class UnavailableServerError(Exception):
    """The programs of this version cannot be had on this machine."""


def given_binaries() -> ServerBinaries:
    """Return the programs for servers that tests start: those that `tests.versions` has named."""
    folder, version = os.environ.get(BINARIES), os.environ.get(VERSION)
    return ServerBinaries(Path(folder), int(version)) if folder and version else EMBEDDED


def server_binaries(version: int, cache: Path) -> ServerBinaries:
    """Return the programs of a major version, fetched into `cache` where they are not there yet.

    Raises:
        UnavailableServerError: There is no Maven, no network or no build for this machine, or the
            jar is not the one that was tested.
        KeyError: The version is not one of `SUPPORTED`.
    """
    if version == EMBEDDED.version:
        return EMBEDDED
    release, hashes = _RELEASES[version]
    machine = _MACHINES.get(platform.machine(), "")
    if platform.system() != "Linux" or machine not in hashes:
        raise UnavailableServerError(f"no build for {platform.system()} {platform.machine()}")
    folder = cache / f"postgres-{release}-{machine}"
    if not folder.exists():
        jar = _fetch(f"{_ARTIFACT}-{machine}:{release}", cache)
        if hashlib.sha256(jar.read_bytes()).hexdigest() != hashes[machine]:
            jar.unlink()
            raise UnavailableServerError(f"{jar.name} is not the file that was tested")
        _unpack(jar, folder)
    return ServerBinaries(folder / "bin", version)


def _fetch(artifact: str, cache: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableServerError("Maven is not installed (Debian's package `maven`)")
    cache.mkdir(parents=True, exist_ok=True)
    command = [maven, "-q", "-B", _PLUGIN, f"-Dartifact={artifact}", f"-DoutputDirectory={cache}"]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    if fetched.returncode != 0:
        lines = fetched.stdout.strip().splitlines()
        raise UnavailableServerError(lines[0] if lines else "Maven could not fetch it")
    _, name, release = artifact.split(":")
    return cache / f"{name}-{release}.jar"


def _unpack(jar: Path, folder: Path) -> None:
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    with zipfile.ZipFile(jar) as archive:
        (name,) = (entry for entry in archive.namelist() if entry.endswith(".txz"))
        with archive.open(name) as packed, tarfile.open(fileobj=packed, mode="r:xz") as programs:
            programs.extractall(unfinished, filter="data")
    unfinished.rename(folder)
