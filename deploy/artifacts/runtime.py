"""The way in which AWS's runtime runs an artifact on this machine.

A function that runs in this way can import nothing from the checkout, and nothing from its `.venv`
but the runtime's own client. So it fails here, as it does on AWS, if its zip lacks a module.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_OF_RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


def emulator() -> Path:
    """Return the path of the runtime interface emulator that comes with the SAM CLI.

    Raises:
        FileNotFoundError: There is no emulator for this machine.
    """
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    binary = _origin("samcli").parent / "local" / "rapid" / f"aws-lambda-rie-{architecture}"
    if sys.platform != "linux" or not binary.exists():
        raise FileNotFoundError(f"AWS's runtime emulator does not run here: {binary}")
    return binary


def client_folder(target: Path) -> Path:
    """Make a folder with links to the runtime's client, and to nothing else of `.venv`.

    Each link is put in place in one step, so that containers that start side by side can share
    the folder. A link that is left over from another `.venv` is replaced.
    """
    target.mkdir(parents=True, exist_ok=True)
    for module in _OF_RUNTIME:
        origin = _origin(module)
        source = origin.parent if origin.name == "__init__.py" else origin
        with TemporaryDirectory(dir=target, prefix=".") as aside:
            link = Path(aside) / source.name
            link.symlink_to(source)
            link.replace(target / source.name)
    return target


def command(handler: str) -> list[str]:
    """Return the command that starts the runtime's client in the folder of the artifact."""
    return [sys.executable, "-S", "-m", "awslambdaric", handler]


def environment(artifact: Path, client: Path) -> dict[str, str]:
    """Return variables that let `command` import only the artifact and the runtime's client."""
    return {
        "PYTHONPATH": f"{artifact}:{client}",
        # On Lambda the folder of the code is read-only, so that every cold start compiles it.
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(artifact),
    }


def _origin(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{module} is not installed")
    return Path(spec.origin)
