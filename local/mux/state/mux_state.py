"""The state machine of the stand-in: uploads, assets and the events that they cause.

Nothing here reads a clock, a file or a socket. The clock and the random numbers are passed in, and
the caller says what a file holds. A test can therefore use the state machine alone::

    state = MuxState(clock=lambda: now, rng=random.Random(1))
    upload = state.create_upload({"new_asset_settings": {"passthrough": post_id}})
    asset = state.complete_upload(upload.id)
    state.finish_asset(asset.id, Media(duration=200.0, width=64, height=36))
    state.events  # the envelopes of the webhooks, oldest first
"""

from local.mux.errors import InvalidParametersError, MuxError
from local.mux.records import Asset, IngestType, Media, PlaybackId, Upload
from local.mux.state import fields
from local.mux.state.record_set import RecordSet

MIN_CLIP_SECONDS = 0.5
CLIP_SCHEME = "mux://assets/"


class MuxState(RecordSet):
    """The uploads and assets of one account, and every change that Mux allows."""

    def create_upload(self, body: object) -> Upload:
        """Create a direct upload from a request's body.

        Raises:
            InvalidParametersError: A field breaks its rule.
        """
        asked = fields.parse(fields.UploadSettings, body)
        upload_id, secret = self._new_id(), self._new_id()
        upload = Upload(
            id=upload_id,
            secret=secret,
            url=f"{self._base_url}/upload/{upload_id}/{secret}",
            created_at=self._clock(),
            timeout=asked.timeout,
            cors_origin=asked.cors_origin,
            test=asked.test,
            new_asset_settings=asked.new_asset_settings.model_dump(exclude_none=True),
        )
        self.uploads[upload.id] = upload
        self._upload_changed(upload, "created")
        return upload

    def cancel_upload(self, upload_id: str) -> Upload:
        """Cancel an upload that still waits for its file.

        Raises:
            NotFoundError: No upload has this id.
            MuxError: The upload waits no longer (403).
        """
        upload = self._waiting(upload_id)
        upload.status = "cancelled"
        self._upload_changed(upload, "cancelled")
        return upload

    def fail_upload(self, upload_id: str, message: str) -> Upload:
        """End a waiting upload with an error, as Mux does where it can make no asset.

        Raises:
            NotFoundError: No upload has this id.
            MuxError: The upload waits no longer (403).
        """
        upload = self._waiting(upload_id)
        upload.status = "errored"
        upload.error = {"type": "invalid_input", "message": message}
        self._upload_changed(upload, "errored")
        return upload

    def complete_upload(self, upload_id: str) -> Asset:
        """Create the asset of an upload whose file has arrived whole.

        Raises:
            NotFoundError: No upload has this id.
            MuxError: The upload waits no longer (403).
        """
        upload = self._waiting(upload_id)
        settings = fields.parse(fields.AssetSettings, upload.new_asset_settings)
        asset = self._new_asset(settings, ingest_type="on_demand_direct_upload")
        asset.upload_id = upload.id
        asset.test = asset.test or upload.test
        upload.status = "asset_created"
        upload.asset_id = asset.id
        self.assets[asset.id] = asset
        self._upload_changed(upload, "asset_created")
        self._asset_changed(asset, "created")
        return asset

    def create_asset(self, body: object) -> Asset:
        """Create an asset from an address, or a clip of another asset.

        Whether the address leads to a video shows later, as with Mux: the asset ends as errored
        where it does not.

        Raises:
            InvalidParametersError: A field breaks its rule, the address is not of http or https,
                or the clip's source is not there (see `_new_clip`).
        """
        settings = fields.parse(fields.AssetSettings, body)
        if not settings.inputs or len(settings.inputs) > 1:
            raise InvalidParametersError("inputs: the stand-in takes one")
        url = settings.inputs[0].url or ""
        if url.startswith(CLIP_SCHEME):
            return self._new_clip(settings, settings.inputs[0])
        if not fields.is_web_address(url):
            raise InvalidParametersError("inputs: the url is not of http or https")
        asset = self._new_asset(settings, ingest_type="on_demand_url")
        asset.input_url = url
        self.assets[asset.id] = asset
        self._asset_changed(asset, "created")
        return asset

    def _new_clip(self, settings: fields.AssetSettings, clip: fields.Input) -> Asset:
        """Create a clip of an asset.

        Raises:
            InvalidParametersError: The source is unknown or not ready, or the clip would be
                shorter than 0.5 s.
        """
        source_id = (clip.url or "").removeprefix(CLIP_SCHEME)
        source = self.assets.get(source_id)
        if source is None or source.deleted_at is not None:
            raise InvalidParametersError(f"inputs: there is no asset with the id {source_id!r}")
        if source.status != "ready" or source.media is None:
            raise InvalidParametersError(f"inputs: asset {source_id!r} is {source.status}")
        start = clip.start_time or 0.0
        end = source.media.duration if clip.end_time is None else clip.end_time
        if min(end, source.media.duration) - start < MIN_CLIP_SECONDS:
            raise InvalidParametersError(f"inputs: a clip lasts at least {MIN_CLIP_SECONDS} s")
        asset = self._new_asset(settings, ingest_type="on_demand_clip")
        asset.source_asset_id = source_id
        asset.clip = (start, clip.end_time)
        self.assets[asset.id] = asset
        self._asset_changed(asset, "created")
        return asset

    def finish_asset(self, asset_id: str, media: Media) -> Asset:
        """Make an asset ready, or errored where it is a clip whose source is gone.

        An asset that is no longer preparing stays as it is.

        Raises:
            NotFoundError: No asset has this id.
        """
        asset = self.asset(asset_id)
        if asset.status != "preparing":
            return asset
        source = self.assets.get(asset.source_asset_id or "")
        if asset.source_asset_id and (source is None or source.deleted_at is not None):
            return self.fail_asset(asset_id, "The source asset was deleted while it was clipped")
        asset.media = media
        asset.track_ids = [self._new_id() for _ in range(2)]
        asset.status = "ready"
        asset.billed = True
        self._asset_changed(asset, "ready")
        return asset

    def fail_asset(self, asset_id: str, message: str) -> Asset:
        """End the preparation of an asset with an error.

        An asset that is no longer preparing stays as it is.

        Raises:
            NotFoundError: No asset has this id.
        """
        asset = self.asset(asset_id)
        if asset.status == "preparing":
            asset.status = "errored"
            asset.errors = {"type": "invalid_input", "messages": [message]}
            self._asset_changed(asset, "errored")
        return asset

    def delete_asset(self, asset_id: str) -> Asset:
        """Delete an asset.

        Raises:
            NotFoundError: No asset has this id, or it was deleted.
            MuxError: The asset is still preparing (400).
        """
        asset = self.asset(asset_id)
        if asset.status == "preparing":
            raise MuxError(400, "invalid_parameters", "An asset cannot be deleted while preparing")
        asset.deleted_at = self._clock()
        self._asset_changed(asset, "deleted")
        return asset

    def update_asset(self, asset_id: str, body: object) -> Asset:
        """Change the passthrough or the meta of an asset.

        Raises:
            NotFoundError: No asset has this id, or it was deleted.
            InvalidParametersError: A field breaks its rule.
        """
        asset = self.asset(asset_id)
        changes = fields.parse(fields.AssetUpdate, body).model_dump(exclude_unset=True)
        for name in {"passthrough", "meta"} & changes.keys():
            setattr(asset, name, changes[name])
        self._asset_changed(asset, "updated")
        return asset

    def create_playback_id(self, asset_id: str, body: object) -> PlaybackId:
        """Add a playback id to an asset.

        Raises:
            NotFoundError: No asset has this id, or it was deleted.
            InvalidParametersError: A field breaks its rule.
        """
        asset = self.asset(asset_id)
        policy = fields.parse(fields.PlaybackIdSettings, body).policy
        asset.playback_ids.append(PlaybackId(id=self._new_id(), policy=policy))
        self._asset_changed(asset, "updated")
        return asset.playback_ids[-1]

    def delete_playback_id(self, asset_id: str, playback_id: str) -> None:
        """Remove a playback id from an asset.

        Raises:
            NotFoundError: The asset or the playback id is unknown.
        """
        known = self.playback_id(asset_id, playback_id)
        asset = self.asset(asset_id)
        asset.playback_ids.remove(known)
        self._asset_changed(asset, "updated")

    def _new_asset(self, settings: fields.AssetSettings, ingest_type: IngestType) -> Asset:
        return Asset(
            id=self._new_id(),
            created_at=self._clock(),
            passthrough=settings.passthrough,
            meta=settings.meta.model_dump(exclude_none=True) if settings.meta else None,
            max_resolution_tier=settings.max_resolution_tier or "1080p",
            video_quality=settings.video_quality or "basic",
            test=settings.test or False,
            playback_ids=[PlaybackId(id=self._new_id(), policy=p) for p in settings.policies()],
            ingest_type=ingest_type,
        )
