"""The records of the state: how they are found, and the events that their changes cause."""

import random
import string
from collections.abc import Callable, Iterable

from local.mux.errors import MuxError, NotFoundError
from local.mux.records import Asset, Json, PlaybackId, SigningKey, Upload
from local.mux.webhooks.events import envelope


class RecordSet:
    """Uploads and assets of one account by id, oldest first.

    Args:
        clock: Returns Unix seconds.
        rng: The source of ids and of upload secrets.
        base_url: The beginning of upload URLs, without a trailing slash.
        on_change: Called with each record that changes.
        on_event: Called with each new event.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        rng: random.Random,
        base_url: str = "http://127.0.0.1",
        on_change: Callable[[Upload | Asset | SigningKey], None] = lambda _record: None,
        on_event: Callable[[Json], None] = lambda _event: None,
    ) -> None:
        self.uploads: dict[str, Upload] = {}
        self.assets: dict[str, Asset] = {}
        self.signing_keys: dict[str, SigningKey] = {}
        self.events: list[Json] = []
        self._clock = clock
        self._rng = rng
        self._base_url = base_url
        self._on_change = on_change
        self._on_event = on_event

    def restore(
        self, uploads: Iterable[Upload], assets: Iterable[Asset], keys: Iterable[SigningKey] = ()
    ) -> None:
        """Add records that were stored, oldest first."""
        self.signing_keys.update((key.id, key) for key in keys)
        self.uploads.update((upload.id, upload) for upload in uploads)
        self.assets.update((asset.id, asset) for asset in assets)

    def clear(self) -> None:
        """Remove all records and events."""
        self.uploads.clear()
        self.assets.clear()
        self.signing_keys.clear()
        self.events.clear()

    def expire_upload(self, upload_id: str) -> Upload:
        """Make an upload old enough to be timed out now.

        Raises:
            NotFoundError: No upload has this id.
        """
        upload = self.upload(upload_id)
        upload.created_at = min(upload.created_at, self._clock() - upload.timeout)
        self._on_change(upload)
        return self.upload(upload_id)

    def upload(self, upload_id: str) -> Upload:
        """Return an upload. It is timed out if its time is over.

        Raises:
            NotFoundError: No upload has this id.
        """
        upload = self.uploads.get(upload_id)
        if upload is None:
            raise NotFoundError("upload", upload_id)
        if upload.status == "waiting" and self._clock() >= upload.created_at + upload.timeout:
            # Mux sends no event for this.
            upload.status = "timed_out"
            self._on_change(upload)
        return upload

    def asset(self, asset_id: str) -> Asset:
        """Return an asset that was not deleted.

        Raises:
            NotFoundError: No asset has this id, or it was deleted.
        """
        asset = self.assets.get(asset_id)
        if asset is None or asset.deleted_at is not None:
            raise NotFoundError("asset", asset_id)
        return asset

    def add_signing_key(self, private_key: str) -> SigningKey:
        """Add a key that signs playback tokens.

        Args:
            private_key: A PEM file in Base64.
        """
        key = SigningKey(id=self._new_id(), created_at=self._clock(), private_key=private_key)
        self.signing_keys[key.id] = key
        self._on_change(key)
        return key

    def signing_key(self, key_id: str) -> SigningKey:
        """Return a signing key.

        Raises:
            NotFoundError: No signing key has this id.
        """
        if key_id not in self.signing_keys:
            raise NotFoundError("signing key", key_id)
        return self.signing_keys[key_id]

    def delete_signing_key(self, key_id: str) -> None:
        """Delete a signing key.

        Raises:
            NotFoundError: No signing key has this id.
        """
        key = self.signing_key(key_id)
        key.deleted = True
        del self.signing_keys[key_id]
        self._on_change(key)

    def live_assets(self) -> list[Asset]:
        """Return every asset that was not deleted, newest first."""
        return [asset for asset in reversed(self.assets.values()) if asset.deleted_at is None]

    def playback_id(self, asset_id: str, playback_id: str) -> PlaybackId:
        """Return a playback id of an asset.

        Raises:
            NotFoundError: The asset or the playback id is unknown.
        """
        for known in self.asset(asset_id).playback_ids:
            if known.id == playback_id:
                return known
        raise NotFoundError("playback id", playback_id)

    def find_playback(self, playback_id: str) -> tuple[Asset, PlaybackId]:
        """Return the asset that a playback id streams.

        Raises:
            NotFoundError: The playback id is unknown or its asset was deleted.
        """
        for asset in self.live_assets():
            for known in asset.playback_ids:
                if known.id == playback_id:
                    return asset, known
        raise NotFoundError("playback id", playback_id)

    def _waiting(self, upload_id: str) -> Upload:
        upload = self.upload(upload_id)
        if upload.status != "waiting":
            raise MuxError(403, "invalid_parameters", f"The upload is {upload.status}")
        return upload

    def _new_id(self) -> str:
        return "".join(self._rng.choices(string.ascii_letters + string.digits, k=43))

    def _upload_changed(self, upload: Upload, what: str) -> None:
        self._on_change(upload)
        self._emit(f"video.upload.{what}", "upload", upload.id, upload.view())

    def _asset_changed(self, asset: Asset, what: str) -> None:
        self._on_change(asset)
        self._emit(f"video.asset.{what}", "asset", asset.id, asset.view(webhook=True))

    def _emit(self, kind: str, object_type: str, object_id: str, data: Json) -> None:
        event = envelope(
            kind, {"type": object_type, "id": object_id}, data, self._clock(), self._rng
        )
        self.events.append(event)
        self._on_event(event)
