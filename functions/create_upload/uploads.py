"""Create, describe and cancel uploads, each a post and an upload at Mux."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from functions.create_upload.errors import TooLargeError
from shared.errors import DatabaseUnavailableError
from shared.http import timestamp
from shared.mux import AssetSettings, Mux, MuxError, MuxUnknownOutcomeError

if TYPE_CHECKING:
    from functions.create_upload.requests import UploadRequest
    from functions.create_upload.settings import ResolutionTier, UploadSettings
    from functions.create_upload.store import UploadState, UploadStore

_MIB: Final = 1024 * 1024
# Encoders round durations, so a video this little above the cap is published as it is. The database
# decides by the same number.
_TOLERANCE_MS: Final = 500
_TIERS: Final[tuple[ResolutionTier, ...]] = ("1080p", "1440p", "2160p")
_NEWEST: Final = 100  # uploads among which one with a lost answer is searched for

_REASONS: Final = {
    "upload_failed": "The file did not arrive whole.",
    "not_a_video": "The file could not be read as a video.",
    "audio_only": "The file has sound but no picture.",
    "asset_deleted": "The video was removed.",
    "trim_refused": "The video could not be trimmed to the longest length allowed.",
    "trim_failed": "The video could not be trimmed to the longest length allowed.",
    "trim_too_long": "The video could not be trimmed to the longest length allowed.",
    "trim_never_finished": "Trimming the video took too long.",
    "never_finished": "Processing the video took too long.",
}


@dataclass(frozen=True, slots=True)
class Uploads:
    """Create uploads, describe their state and cancel them."""

    store: UploadStore
    mux: Mux
    settings: UploadSettings

    def create(self, viewer: UUID, request: UploadRequest) -> dict[str, Any]:
        """Create a post that is not ready, and an upload that takes its file.

        The post comes first, so that the events of every upload find their post.

        Raises:
            TooLargeError: The file is above the limit.
            TooManyUploadsError: Too many of the viewer's uploads wait for their file.
            MuxError: Mux made no upload, and the post was taken back.
            DatabaseUnavailableError: Postgres did not answer in time.
        """
        cap_ms = self.settings.max_feed_duration_ms
        if request.size_bytes > self.settings.max_upload_mb * _MIB:
            raise TooLargeError(f"A file may have {self.settings.max_upload_mb} MB at most.")
        post_id = uuid4()
        row = {
            "caption": request.content.caption,
            "tags": list(request.content.tags),
            "size_bytes": request.size_bytes,
            "duration_ms": request.duration_ms,
            "resolution_tier": self._tier(request.max_resolution_tier),
            "cap_ms": cap_ms,
            "timeout_s": self.settings.upload_timeout_s,
            "max_open": self.settings.max_open_uploads,
        }
        expires_at = self.store.begin(viewer, post_id, row)
        upload = self._upload_at_mux(viewer, post_id, str(row["resolution_tier"]))
        self._confirm(viewer, post_id, upload["id"])
        return {
            "post_id": str(post_id),
            "upload_id": upload["id"],
            "upload_url": upload["url"],
            "expires_at": timestamp(expires_at),
            "max_duration_ms": cap_ms,
            "will_trim": (request.duration_ms or 0) > cap_ms + _TOLERANCE_MS,
        }

    def state(self, viewer: UUID, post_id: UUID) -> dict[str, Any]:
        """Describe the state of the viewer's own upload.

        Raises:
            NotFoundError: The viewer has no such upload.
        """
        return _described(post_id, self.store.state(viewer, post_id))

    def cancel(self, viewer: UUID, post_id: UUID) -> dict[str, Any]:
        """Remove the viewer's own post and what Mux has of it.

        The post is gone after the first step. Where Mux does not answer, the sweep does the rest.

        Raises:
            NotFoundError: The viewer has no such upload.
        """
        state, leftovers = self.store.cancel(viewer, post_id)
        with suppress(MuxError):
            for leftover in leftovers:
                if leftover.do == "cancel_upload":
                    self.mux.cancel_upload(leftover.id, budget_s=self._mux_budget_s)
                elif leftover.do == "delete_asset":
                    self.mux.delete_asset(leftover.id, budget_s=self._mux_budget_s)
        return _described(post_id, state)

    @property
    def _mux_budget_s(self) -> float:
        return self.settings.mux_budget_ms / 1000

    def _tier(self, asked: ResolutionTier | None) -> ResolutionTier:
        highest = self.settings.mux_max_resolution_tier
        return min(asked or highest, highest, key=_TIERS.index)

    def _upload_at_mux(self, viewer: UUID, post_id: UUID, tier: str) -> dict[str, Any]:
        asset = AssetSettings(post_id, viewer, tier, self.settings.mux_video_quality)
        try:
            return self.mux.create_upload(
                asset,
                cors_origin=self.settings.upload_cors_origin,
                timeout_s=self.settings.upload_timeout_s,
                budget_s=self._mux_budget_s,
            )
        except MuxUnknownOutcomeError:
            found = self._made_all_the_same(post_id)
            if found is not None:
                return found
            # It may still turn up. The sweep searches again, and cancels it.
            self.store.abandon(viewer, post_id, certain=False)
            raise
        except MuxError:
            self.store.abandon(viewer, post_id, certain=True)
            raise

    def _made_all_the_same(self, post_id: UUID) -> dict[str, Any] | None:
        """Find the upload of a request whose answer was lost; None where there is none."""
        try:
            newest = self.mux.list_uploads(1, _NEWEST, budget_s=self._mux_budget_s)
        except MuxError:
            return None
        return next((u for u in newest if _passthrough_of(u) == str(post_id)), None)

    def _confirm(self, viewer: UUID, post_id: UUID, upload_id: str) -> None:
        try:
            confirmed = self.store.confirm(viewer, post_id, upload_id)
        except DatabaseUnavailableError:
            # Nobody will learn the upload's address, and the sweep removes the post.
            self._cancel_at_mux(upload_id)
            raise
        if not confirmed:
            self._cancel_at_mux(upload_id)
            raise MuxError

    def _cancel_at_mux(self, upload_id: str) -> None:
        with suppress(MuxError):
            self.mux.cancel_upload(upload_id, budget_s=self._mux_budget_s)


def _passthrough_of(upload: dict[str, Any]) -> object:
    """Return the passthrough that an upload will give to its asset."""
    return (upload.get("new_asset_settings") or {}).get("passthrough")


def _described(post_id: UUID, found: UploadState) -> dict[str, Any]:
    reason = found.reason and _REASONS.get(found.reason, "The video could not be processed.")
    return {"post_id": str(post_id), "state": found.state, "reason": reason}
