"""Describe an upload to its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from uuid import UUID

    from functions.create_upload.store import UploadState

REASONS: Final = {
    "upload_failed": "The file did not arrive whole.",
    "not_a_video": "The file could not be read as a video.",
    "audio_only": "The file has sound but no picture.",
    "asset_deleted": "The video was removed.",
    "playback_removed": "The video was taken down.",
    "trim_refused": "The video could not be trimmed to the longest length allowed.",
    "trim_failed": "The video could not be trimmed to the longest length allowed.",
    "trim_too_long": "The video could not be trimmed to the longest length allowed.",
    "trim_never_finished": "Trimming the video took too long.",
    "never_finished": "Processing the video took too long.",
}
OTHER_REASON: Final = "The video could not be processed."


def described(post_id: UUID, found: UploadState) -> dict[str, Any]:
    """Make the answer about an upload, with the reason as a sentence."""
    reason = found.reason and REASONS.get(found.reason, OTHER_REASON)
    told = {"post_id": str(post_id), "state": found.state, "reason": reason}
    # Of a failure this is Mux's own text, which is for operators.
    return told | {"detail": found.detail} if found.state == "ready" and found.detail else told
