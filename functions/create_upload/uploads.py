"""Create, describe and cancel uploads, each a post and an upload at Mux."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from functions.create_upload.description import described
from functions.create_upload.errors import TooLargeError
from functions.create_upload.turns import Turns
from shared.errors import DatabaseUnavailableError
from shared.http import timestamp
from shared.mux import AssetSettings, Mux, MuxError, MuxUnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.create_upload.requests import IdempotencyKey, UploadRequest
    from functions.create_upload.settings import ResolutionTier, UploadSettings
    from functions.create_upload.store import Begun, UploadStore

_MIB: Final = 1024 * 1024
# Encoders round durations, so a video this little above the cap is published as it is. The database
# decides by the same number.
_TOLERANCE_MS: Final = 500
_TIERS: Final[tuple[ResolutionTier, ...]] = ("1080p", "1440p", "2160p")
_NEWEST: Final = 100  # uploads among which one with a lost answer is searched for


@dataclass(frozen=True, slots=True)
class Uploads:
    """Create uploads, describe their state and cancel them.

    Attributes:
        store: Keeps uploads.
        mux: Mux's API.
        settings: The function's settings.
        sleep: Waits for a number of seconds.
        jitter: Returns a number from 0 to 1 by chance.
    """

    store: UploadStore
    mux: Mux
    settings: UploadSettings
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def create(
        self,
        viewer: UUID,
        request: UploadRequest,
        *,
        key: IdempotencyKey | None = None,
        origin: str | None = None,
    ) -> dict[str, Any]:
        """Create a post that is not ready, and an upload that takes its file.

        The post comes first, so that the events of every upload find their post. A key makes the
        request safe to send again: whatever was lost, there is one post and one upload.

        Args:
            viewer: The creator.
            request: What to create.
            key: Names the request.
            origin: The web page's origin, from which the file will come.

        Raises:
            TooLargeError: The file is above the limit.
            TooManyUploadsError: Too many of the viewer's uploads wait for their file.
            InProgressError: A request with the same key is under way.
            KeyReusedError: A request with the same key asked for something else.
            MuxError: Mux made no upload, and the post was taken back.
            DatabaseUnavailableError: Postgres did not answer in time.
        """
        if request.size_bytes > self.settings.max_upload_mb * _MIB:
            raise TooLargeError(f"A file may have {self.settings.max_upload_mb} MB at most.")
        row = self._row(request, key)
        begun = self.store.begin(viewer, uuid4(), row)
        if begun.answer is not None:
            earlier: dict[str, Any] = json.loads(begun.answer)
            return earlier
        asset = AssetSettings(
            begun.post_id,
            viewer,
            row["resolution_tier"],
            self.settings.mux_video_quality,
            self.settings.mux_playback_policy,
        )
        upload = self._upload_at_mux(
            asset, begun, self._cors_origin(origin), has_key=key is not None
        )
        cap_ms = self.settings.max_feed_duration_ms
        made = {
            "post_id": str(begun.post_id),
            "upload_id": upload["id"],
            "upload_url": upload["url"],
            "expires_at": timestamp(begun.expires_at),
            "max_duration_ms": cap_ms,
            "will_trim": (request.duration_ms or 0) > cap_ms + _TOLERANCE_MS,
        }
        self._confirm(viewer, begun.post_id, upload["id"], json.dumps(made) if key else None)
        return made

    def _row(self, request: UploadRequest, key: IdempotencyKey | None) -> dict[str, Any]:
        settings = self.settings
        # No request for an upload lasts longer than this at Mux.
        making_s = (settings.mux_wait_ms + 3 * settings.mux_budget_ms) // 1000 + 1
        return {
            "caption": request.content.caption,
            "tags": list(request.content.tags),
            "size_bytes": request.size_bytes,
            "duration_ms": request.duration_ms,
            "resolution_tier": self._tier(request.max_resolution_tier),
            "cap_ms": settings.max_feed_duration_ms,
            "timeout_s": settings.upload_timeout_s,
            "max_open": settings.max_open_uploads,
            "playback_policy": settings.mux_playback_policy,
            "key": key.text if key else None,
            "request_hash": key.request_hash if key else None,
            "key_ttl_s": settings.idempotency_ttl_s,
            "making_s": making_s,
        }

    def state(self, viewer: UUID, post_id: UUID) -> dict[str, Any]:
        """Describe the state of the viewer's own upload.

        Raises:
            NotFoundError: The viewer has no such upload.
        """
        return described(post_id, self.store.state(viewer, post_id))

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
        return described(post_id, state)

    @property
    def _mux_budget_s(self) -> float:
        return self.settings.mux_budget_ms / 1000

    @property
    def _turns(self) -> Turns:
        settings = self.settings
        wait_s = settings.mux_wait_ms / 1000
        take = self.store.take_mux_turn
        return Turns(take, settings.mux_post_per_s, wait_s, self.sleep, self.jitter)

    def _tier(self, asked: ResolutionTier | None) -> ResolutionTier:
        highest = self.settings.mux_max_resolution_tier
        return min(asked or highest, highest, key=_TIERS.index)

    def _cors_origin(self, origin: str | None) -> str:
        """Choose the one origin that Mux allows: the page's own where it is on the list."""
        allowed = self.settings.upload_cors_origin
        if "*" in allowed:
            return "*"
        return origin if origin in allowed else allowed[0]

    def _upload_at_mux(
        self, asset: AssetSettings, begun: Begun, cors_origin: str, *, has_key: bool
    ) -> dict[str, Any]:
        viewer, post_id = asset.creator_id, asset.post_id
        try:
            if begun.is_resumed:
                found = self._made_all_the_same(post_id)
                if found is not None:
                    return found
            return self._turns.ask(
                lambda: self.mux.create_upload(
                    asset,
                    cors_origin=cors_origin,
                    timeout_s=self.settings.upload_timeout_s,
                    budget_s=self._mux_budget_s,
                )
            )
        except MuxUnknownOutcomeError:
            with suppress(MuxError):
                found = self._made_all_the_same(post_id)
                if found is not None:
                    return found
            # It may still turn up. With a key the next request finds it; else the sweep cancels it.
            if has_key:
                self.store.pause(viewer, post_id)
            else:
                self.store.abandon(viewer, post_id, certain=False)
            raise
        except MuxError:
            if begun.is_resumed:
                self.store.pause(viewer, post_id)
            else:
                self.store.abandon(viewer, post_id, certain=True)
            raise

    def _made_all_the_same(self, post_id: UUID) -> dict[str, Any] | None:
        """Find the upload of a request whose answer was lost; None where there is none."""
        newest = self.mux.list_uploads(1, _NEWEST, budget_s=self._mux_budget_s)
        mine = (u for u in newest if _passthrough_of(u) == str(post_id) and u.get("url"))
        return next(mine, None)

    def _confirm(self, viewer: UUID, post_id: UUID, upload_id: str, answer: str | None) -> None:
        try:
            confirmed = self.store.confirm(viewer, post_id, upload_id, answer)
        except DatabaseUnavailableError:
            if answer is None:
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
