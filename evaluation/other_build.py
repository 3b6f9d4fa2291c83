"""Another build of the feed, which is a commit in a folder with an environment of its own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.errors import StackError
from local.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_REQUIREMENTS = "requirements/dev.txt"


@dataclass(frozen=True, slots=True)
class Build:
    """A checkout that can run.

    Attributes:
        commit: The id of the commit. It is None for what is checked out here.
        root: The folder of the checkout.
        python: The interpreter with the packages of that build.
    """

    commit: str | None
    root: Path
    python: str

    def environment(self, **more: str) -> dict[str, str]:
        """Return this process's environment, changed for this build, with more variables."""
        return {**os.environ, "PYTHONPATH": str(self.root), **more}


def this_build() -> Build:
    """Return what is checked out here."""
    return Build(None, ROOT, sys.executable)


def other_build(commit: str, folder: Path) -> Build:
    """Check out a commit, unless an earlier run did so.

    The checkout gets a venv of its own where its packages differ from those in use here.

    Args:
        commit: Any name of a commit that git accepts.
        folder: The folder that holds one checkout for each commit.

    Raises:
        StackError: There is no such commit, or its packages could not be installed.
    """
    found = _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", wanted=commit)
    name = found.decode().strip()
    root = folder / name
    if not root.exists():
        unfinished = folder / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        archive = io.BytesIO(_git("archive", "--format=tar", name, wanted=commit))
        with tarfile.open(fileobj=archive) as files:
            files.extractall(unfinished, filter="data")
        unfinished.rename(root)
    same = (root / _REQUIREMENTS).read_bytes() == (ROOT / _REQUIREMENTS).read_bytes()
    return Build(name, root, sys.executable if same else _environment(root))


def _environment(root: Path) -> str:
    """Return the interpreter of the checkout's own venv. Make the venv if it is missing."""
    python = root / ".venv" / "bin" / "python"
    installed = root / ".venv" / ".installed"
    if not installed.exists():
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        for command in (
            [sys.executable, "-m", "venv", str(root / ".venv")],
            [str(python), "-m", "pip", "install", *options, "-r", str(root / _REQUIREMENTS)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own commands
            if done.returncode:
                raise StackError(f"The other build's packages: {done.stderr.strip()[-500:]}")
        installed.touch()
    return str(python)


def _git(*arguments: str, wanted: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise StackError("AGAINST needs git")
    done = subprocess.run([git, "-C", str(ROOT), *arguments], capture_output=True, check=False)  # noqa: S603  # git alone
    if done.returncode:
        raise StackError(f"AGAINST={wanted} is no commit of this repository")
    return done.stdout
