"""Define what the functions need of Mux's API, and the errors that its calls raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from shared.errors import UnavailableError

if TYPE_CHECKING:
    from uuid import UUID

Json = dict[str, Any]
PlaybackPolicy = Literal["public", "signed"]


class MuxError(UnavailableError):
    """The video service does not answer. Try again shortly."""


class MuxBusyError(MuxError):
    """The video service is busy. Try again shortly."""

    # Mux counts requests per second, and usually sends no Retry-After.
    retry_after_s = 5


class MuxNotSentError(MuxError):
    """The video service cannot be reached. Try again shortly."""


class MuxUnknownOutcomeError(MuxError):
    """The video service gave no answer. Try again shortly.

    Whether it did what was asked is unknown.
    """


class MuxRefusedError(MuxError):
    """The video service refused the request.

    Attributes:
        code: The HTTP status, 4xx.
        message: What Mux said, for the log.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__()
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class AssetSettings:
    """Say how Mux encodes a post's video, for the upload itself or for a clip of it."""

    post_id: UUID
    creator_id: UUID
    resolution_tier: str
    video_quality: str
    playback_policy: PlaybackPolicy = "public"

    def fields(self) -> Json:
        """Return the fields of a new asset. Its passthrough leads every event back to the post."""
        return {
            "passthrough": str(self.post_id),
            # Asking for the policy now saves a second POST, which Mux's rate limit would count.
            "playback_policies": [self.playback_policy],
            "max_resolution_tier": self.resolution_tier,
            "video_quality": self.video_quality,
            "meta": {"external_id": str(self.post_id), "creator_id": str(self.creator_id)},
        }


class Mux(Protocol):
    """Call Mux. Answers are Mux's own JSON objects.

    Every method takes `budget_s`, the seconds it may take. It raises MuxBusyError or
    MuxNotSentError where nothing was done, MuxRefusedError for a 4xx, and MuxUnknownOutcomeError
    otherwise.
    """

    def create_upload(
        self, settings: AssetSettings, *, cors_origin: str, timeout_s: int, budget_s: float
    ) -> Json:
        """Create a direct upload, whose file has to arrive within `timeout_s` seconds."""

    def get_upload(self, upload_id: str, *, budget_s: float) -> Json | None:
        """Get an upload; None where Mux has none."""

    def list_uploads(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """List uploads, newest first. Pages count from 1."""

    def cancel_upload(self, upload_id: str, *, budget_s: float) -> bool:
        """Cancel an upload. False means that it no longer waits for its file."""

    def create_clip(
        self, settings: AssetSettings, source_asset_id: str, end_s: float, *, budget_s: float
    ) -> Json:
        """Create an asset from the first `end_s` seconds of another one."""

    def create_asset(self, settings: AssetSettings, url: str, *, budget_s: float) -> Json:
        """Create an asset of the file at an address, which Mux fetches by itself."""

    def get_asset(self, asset_id: str, *, budget_s: float) -> Json | None:
        """Get an asset; None where Mux has none."""

    def list_assets(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """List assets, newest first. Pages count from 1."""

    def delete_asset(self, asset_id: str, *, budget_s: float) -> bool:
        """Delete an asset, or find it gone. False means that Mux is still preparing it."""
