"""The folder of a function as it goes into the zip.

It holds the function's own modules, and its wheels without the files that no function needs.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from deploy.artifacts.functions import ROOT, Function, own_modules

if TYPE_CHECKING:
    from pathlib import Path

# The oldest time that a zip can hold. Every file gets it, so that two builds are the same.
EPOCH_S = 315_532_800
_FOLDERS = (
    "bin",  # the command-line programs of the wheels
    "**/__pycache__",
    "**/tests",
    "*-stubs",  # stubs for type checkers
    "boto3/examples",
    "boto3/data",  # the models of boto3's resources, while the functions use clients
    "pydantic/v1",  # the API before pydantic 2
    "cffi",  # cryptography uses only the module _cffi_backend beside it
    "pycparser",  # only cffi imports it
)
_FILES = (
    "**/*.pyi",
    "**/*.pyc",
    "**/py.typed",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.js",  # a page that is never shown
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.css",
    "botocore/data/*/*/examples-1.json",
    "dateutil/zoneinfo/*.tar.gz",  # the functions use tzdata instead
)
_KEPT_OF_DIST_INFO = {"METADATA"}  # versions are read from it
_KEPT_OF_AWS = {
    "_retry.json",
    "endpoints.json",
    "partitions.json",
    "sdk-default-configuration.json",
}


def assemble(function: Function, target: Path) -> None:
    """Complete a folder into which the function's wheels were installed.

    Args:
        function: The function whose zip is made.
        target: The folder.
    """
    prune(target, function.aws_clients)
    copy_own(function, target)
    normalise(target)


def prune(target: Path, aws_clients: tuple[str, ...]) -> None:
    """Remove from the installed wheels what no function ever imports or reads."""
    for pattern in _FOLDERS:
        for folder in list(target.glob(pattern)):
            shutil.rmtree(folder)
    for pattern in _FILES:
        for file in list(target.glob(pattern)):
            file.unlink()
    for info in target.glob("*.dist-info"):
        _keep_only(info, _KEPT_OF_DIST_INFO)
    if (target / "botocore").exists():
        _keep_only(target / "botocore" / "data", {*_KEPT_OF_AWS, *aws_clients})


def copy_own(function: Function, target: Path) -> None:
    """Copy the modules that the handler imports, and the data files beside them."""
    for module in sorted(own_modules(function)):
        source = ROOT.joinpath(*module.split("."))
        if source.is_dir():
            files = [source / "__init__.py", *source.glob("*.sql")]
        else:
            files = [source.with_suffix(".py")]
        for file in files:
            copy = target / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def normalise(target: Path) -> None:
    """Give every file the same time and mode, so that these do not depend on the build."""
    for path in [target, *target.rglob("*")]:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
        path.chmod(0o755 if is_folder else 0o644)
        os.utime(path, (EPOCH_S, EPOCH_S))


def _keep_only(folder: Path, kept: set[str]) -> None:
    for entry in list(folder.iterdir()):
        if entry.name not in kept:
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
