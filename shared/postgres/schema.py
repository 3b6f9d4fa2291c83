"""The schema that this code needs, and whether the database has it."""

from __future__ import annotations

from typing import Final

from shared.errors import UnavailableError
from shared.postgres.statement import Statement

# What this code was written for; db/migrations/*_schema_version.sql says what the database has.
SCHEMA_VERSION: Final = 1

READ_VERSION: Final = Statement(b"SELECT version, oldest_code FROM public.feed_schema_version()")


class SchemaMismatchError(UnavailableError):
    """The service is being updated. Try again shortly."""

    retry_after_s = 30
    reason = "schema_mismatch"


def check(version: int, oldest_code: int, needed: int = SCHEMA_VERSION) -> None:
    """Hold the database's schema against the one that this code was written for.

    Args:
        version: The schema's version.
        oldest_code: The version of the oldest code that the schema still serves.
        needed: The version that this code was written for.

    Raises:
        SchemaMismatchError: The database is behind, or too far ahead; a note says which.
    """
    if version < needed:
        raise mismatch(
            f"the database has schema version {version} and this code needs {needed}:"
            " run the migrations of this release, which `make migrate` lists"
        )
    if oldest_code > needed:
        raise mismatch(
            f"the database has schema version {version}, which serves code from version"
            f" {oldest_code} on, and this code is of version {needed}: deploy a newer release"
        )


def mismatch(reason: str) -> SchemaMismatchError:
    """Make the error. Its note is for the log: clients read the first line of its class."""
    error = SchemaMismatchError()
    error.add_note(reason)
    return error
