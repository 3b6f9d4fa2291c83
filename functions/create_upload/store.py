"""Read and change a viewer's uploads in Postgres as the role vroom_app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from functions.create_upload.errors import InProgressError, KeyReusedError, TooManyUploadsError
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
    """Hold what an owner is told of an upload.

    Attributes:
        state: Such as `processing`.
        reason: Why it failed, as a code.
        detail: What Mux said about a failure, or what was found in a video that plays.
    """

    state: str
    reason: str | None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """Describe an upload that was begun, now or by an earlier request with the same key.

    Attributes:
        post_id: Its post.
        expires_at: Until when its file may arrive.
        answer: What the earlier request was answered; None where nobody was answered yet.
        is_resumed: Whether Mux may have made an upload for the earlier request.
    """

    post_id: UUID
    expires_at: datetime
    answer: str | None
    is_resumed: bool


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

    def begin(self, viewer: UUID, post_id: UUID, row: Mapping[str, Any]) -> Begun:
        """Create a post with its upload, or find those of an earlier request with the same key.

        Args:
            viewer: The creator.
            post_id: The new post.
            row: The other parameters of the statement begin_upload.

        Raises:
            TooManyUploadsError: As many uploads as allowed wait for their file.
            InProgressError: A request with the same key is under way.
            KeyReusedError: A request with the same key asked for something else.
        """
        found = self._run("begin_upload", viewer, post_id, row)[0]
        outcome, begun_id, expires_at, answer, retry_after_s = found
        if outcome == "too_many":
            raise TooManyUploadsError(max(int(retry_after_s), 1))
        if outcome == "under_way":
            raise InProgressError
        if outcome == "key_reused":
            raise KeyReusedError
        return Begun(begun_id, expires_at, answer, is_resumed=outcome == "resumed")

    def take_mux_turn(self, per_s: float, max_wait_s: float) -> float | None:
        """Take the next turn to send Mux a POST request.

        All callers take turns in one row, so that they are served in the order in which they came.

        Returns:
            The seconds to wait for it; None where that would be more than `max_wait_s`.
        """
        statement = Statement(_SQL["take_mux_turn"], {"per_s": per_s, "max_wait_s": max_wait_s})
        rows = self.database.run(statement, viewer=None, budget_s=self.budget_s)[0]
        return None if rows[0][0] is None else float(rows[0][0])

    def confirm(self, viewer: UUID, post_id: UUID, upload_id: str, answer: str | None) -> bool:
        """Tie Mux's upload to the post, and keep the answer for a request with the same key.

        Returns:
            False where the post is gone by now, or another request with its key was first.
        """
        params = {"upload_id": upload_id, "answer": answer}
        return bool(self._run("confirm_upload", viewer, post_id, params)[0][0])

    def pause(self, viewer: UUID, post_id: UUID) -> None:
        """Let the next request with the same key go on with this upload at once."""
        self._run("pause_upload", viewer, post_id, {})

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
