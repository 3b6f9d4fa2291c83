"""How AWS's runtime runs an artifact on this machine: the emulator's binary, its client, isolation.

Nothing of the checkout and nothing of its `.venv` can be imported by a function that runs so, the
runtime's own client aside: what the zip lacks is missing, as on AWS.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_OF_RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


def emulator() -> Path:
    """The runtime interface emulator that comes with the SAM CLI.

    Raises:
        FileNotFoundError: there is none for this machine.
    """
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    binary = _origin("samcli").parent / "local" / "rapid" / f"aws-lambda-rie-{architecture}"
    if sys.platform != "linux" or not binary.exists():
        raise FileNotFoundError(f"AWS's runtime emulator does not run here: {binary}")
    return binary


def client_folder(target: Path) -> Path:
    """A folder that holds the runtime's client and nothing else of `.venv`, as links.

    Each link is put in place in one step, so that containers which start side by side may share
    the folder, and one left over from another `.venv` is replaced.
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
    """What starts the runtime's client, to be run in the artifact's folder."""
    return [sys.executable, "-S", "-m", "awslambdaric", handler]


def environment(artifact: Path, client: Path) -> dict[str, str]:
    """The variables that let `command` import the artifact and the runtime's client alone."""
    return {
        "PYTHONPATH": f"{artifact}:{client}",
        # On Lambda the code's folder is read-only: every cold start compiles it.
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(artifact),
    }


def _origin(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{module} is not installed")
    return Path(spec.origin)
