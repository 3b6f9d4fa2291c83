"""Read and change a viewer's uploads in Postgres as the role vroom_app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from functions.create_upload.errors import TooManyUploadsError
from shared import sql
from shared.errors import NotFoundError
from shared.postgres import Database, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

_SQL: Final = sql.load("uploads")


@dataclass(frozen=True, slots=True)
class UploadState:
    """Hold an upload's state, and the reason's code where it failed."""

    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Leftover:
    """Name what Mux still has of a cancelled upload.

    Attributes:
        do: `cancel_upload` or `delete_asset`.
        id: The id of the upload or asset.
    """

    do: str
    id: str


@dataclass(frozen=True, slots=True)
class UploadStore:
    """Keep viewers' uploads.

    Every method raises DatabaseUnavailableError where Postgres does not answer in time.
    """

    database: Database
    budget_s: float

    def begin(self, viewer: UUID, post_id: UUID, row: Mapping[str, Any]) -> datetime:
        """Create a post with its upload, and return when the upload expires.

        Args:
            viewer: The creator.
            post_id: The new post.
            row: The other parameters of the statement begin_upload.

        Raises:
            TooManyUploadsError: As many uploads as allowed wait for their file.
        """
        accepted, expires_at = self._run("begin_upload", viewer, post_id, row)[0]
        if not accepted:
            raise TooManyUploadsError
        return expires_at  # type: ignore[no-any-return]  # timestamptz

    def confirm(self, viewer: UUID, post_id: UUID, upload_id: str) -> bool:
        """Tie Mux's upload to the post; False where the post is gone by now."""
        found = self._run("confirm_upload", viewer, post_id, {"upload_id": upload_id})
        return bool(found[0][0])

    def abandon(self, viewer: UUID, post_id: UUID, *, certain: bool) -> None:
        """Take post and upload back. `certain` says that Mux has no upload for it."""
        self._run("abandon_upload", viewer, post_id, {"certain": certain})

    def state(self, viewer: UUID, post_id: UUID) -> UploadState:
        """Return the state of an upload.

        Raises:
            NotFoundError: The viewer has no such upload.
        """
        found = self._run("upload_state", viewer, post_id, {})
        if not found:
            raise NotFoundError
        return UploadState(*found[0])

    def cancel(self, viewer: UUID, post_id: UUID) -> tuple[UploadState, list[Leftover]]:
        """Remove a post in whatever state, and return what Mux still has of it.

        Raises:
            NotFoundError: The viewer has no such upload.
        """
        found = self._run("cancel_upload", viewer, post_id, {})
        if not found:
            raise NotFoundError
        state, steps = found[0]
        return UploadState(state, None), [Leftover(s["do"], s["id"]) for s in steps]

    def _run(
        self, name: str, viewer: UUID, post_id: UUID, params: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        given = {"viewer": viewer, "post_id": post_id, **params}
        statement = Statement(_SQL[name], given)
        return self.database.run(statement, viewer=viewer, budget_s=self.budget_s)[0]
