"""The system user that runs Postgres for root, because Postgres refuses to run as root."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from local.errors import StackError
from local.services.pgwheel import ensure_folder_permissions, ensure_user_exists

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pgserver"


def system_user(binaries: Path, data_dir: Path) -> str | None:
    """Return the system user for Postgres, and let it reach the programs and the data.

    For root, the user is made where it is missing, and the folders above the two paths let others
    pass without listing them. For any other user there is nothing to do.

    Args:
        binaries: The folder of the wheel's programs.
        data_dir: The data directory. It need not exist, but the folder above it must.

    Returns:
        The name of the user, or None where Postgres runs as the user of this process.

    Raises:
        StackError: The user could not be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        ensure_user_exists(NAME)
    except (subprocess.CalledProcessError, OSError) as error:
        raise StackError(
            f"Postgres does not run as root, and the system user {NAME} could not be made: {error}."
            " Run as another user, or give the DATABASE_URL of a server",
        ) from error
    _open_to_all(binaries)
    for folder in {*binaries.parents, *data_dir.parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    return NAME


def _open_to_all(binaries: Path) -> None:
    # After an installation under a strict umask only root can read the files of the wheel.
    readable = stat.S_IROTH | stat.S_IXOTH
    if (binaries / "postgres").stat().st_mode & readable == readable:
        return
    package = binaries.parent.parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            ensure_folder_permissions(folder, readable)
