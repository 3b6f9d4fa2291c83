"""The records of the stand-in, and how Mux shows them: uploads, assets, media."""

from typing import Any, Literal

from pydantic import BaseModel, Field

Json = dict[str, Any]

UploadStatus = Literal["waiting", "asset_created", "errored", "cancelled", "timed_out"]
AssetStatus = Literal["preparing", "ready", "errored"]
Policy = Literal["public", "signed"]
IngestType = Literal["on_demand_url", "on_demand_direct_upload", "on_demand_clip"]

# The pixels of the largest frame of each tier, by Mux's price list.
TIER_PIXELS = {"720p": 921_600, "1080p": 2_073_600, "1440p": 4_194_304, "2160p": 8_294_400}
STORED_RESOLUTION = {"720p": "HD", "1080p": "FHD", "1440p": "UHD", "2160p": "UHD"}
SD_PIXELS = 720 * 576
MOST_FRAMES = 60
# The deprecated name of each video quality.
ENCODING_TIERS = {"basic": "baseline", "plus": "smart", "premium": "premium"}
# Mux has no reason for damage alone. This one stands for all that is odd and has no other reason.
DAMAGED = {"unexpected_media_file_parameters": "non-standard"}
PROGRESS = {"preparing": ("ingesting", 0), "ready": ("completed", 100), "errored": ("errored", -1)}


class Media(BaseModel):
    """What a file holds.

    Attributes:
        duration: The seconds of the longest track.
        video_duration: The seconds of the video track. None without one.
        audio_duration: The seconds of the audio track. None without one.
        width: The width in pixels as displayed, after rotation. None without a video track.
        height: The height in pixels, likewise.
        frame_rate: Frames a second. -1 where it is unknown.
        aspect_ratio: The aspect ratio, such as `16:9`. None without a video track.
        channels: The audio channels. None without an audio track.
        container: The name of the container format.
        video_codec: The name of the video codec. None without a video track.
        audio_codec: The name of the audio codec. None without an audio track.
        sample_rate: The samples a second of the audio track. None without one.
        damaged: Whether parts of the file could not be read.
    """

    duration: float
    video_duration: float | None = None
    audio_duration: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    aspect_ratio: str | None = None
    channels: int | None = None
    container: str = ""
    video_codec: str | None = None
    audio_codec: str | None = None
    sample_rate: int | None = None
    damaged: bool = False

    @property
    def stored_frame_rate(self) -> float | None:
        """The frame rate of the stream, which is no higher than 60."""
        return None if self.frame_rate is None else min(self.frame_rate, MOST_FRAMES)


class SigningKey(BaseModel):
    """A key that signs tokens for signed playback.

    Attributes:
        private_key: A PEM file in Base64, which is shown only once.
        deleted: True once the key is no longer valid.
    """

    id: str
    created_at: float
    private_key: str
    deleted: bool = False

    def view(self) -> Json:
        """Return the key as Mux shows it, without its private half."""
        return {"id": self.id, "created_at": str(int(self.created_at))}


class PlaybackId(BaseModel):
    """An id under which an asset is played."""

    id: str
    policy: Policy


class Upload(BaseModel):
    """A direct upload. `secret` is the part of its URL that cannot be guessed."""

    id: str
    secret: str
    url: str
    created_at: float
    timeout: int
    cors_origin: str | None = None
    test: bool = False
    new_asset_settings: Json = Field(default_factory=dict)
    status: UploadStatus = "waiting"
    asset_id: str | None = None
    error: Json | None = None

    def view(self) -> Json:
        """Return the upload as Mux's API and webhooks show it. Only a waiting one has a URL."""
        hidden = {"secret", "created_at"} | ({"url"} if self.status != "waiting" else set())
        shown = self.model_dump(exclude=hidden, exclude_none=True)
        return {"cors_origin": ""} | shown


class Asset(BaseModel):
    """An asset. A deleted one is kept, so that tests can see what was billed.

    Attributes:
        input_url: The address from which Mux fetches the file. None for uploads and clips.
        clip: The start and end of a clip in seconds of the source. An end of None means its end.
        billed: True once the asset was encoded. Mux bills it from then on, deleted or not.
        deleted_at: Unix seconds. None while the asset exists.
    """

    id: str
    created_at: float
    ingest_type: IngestType
    status: AssetStatus = "preparing"
    passthrough: str | None = None
    meta: Json | None = None
    max_resolution_tier: str = "1080p"
    video_quality: str = "basic"
    test: bool = False
    upload_id: str | None = None
    source_asset_id: str | None = None
    input_url: str | None = None
    clip: tuple[float, float | None] | None = None
    playback_ids: list[PlaybackId] = Field(default_factory=list)
    track_ids: list[str] = Field(default_factory=list)
    media: Media | None = None
    errors: Json | None = None
    billed: bool = False
    deleted_at: float | None = None

    def view(self, *, webhook: bool = False) -> Json:
        """Return the asset as Mux shows it.

        Args:
            webhook: True for the `data` of a webhook, where `created_at` is a number. In the API
                it is a string.
        """
        hidden = {"created_at", "input_url", "clip", "track_ids", "media", "billed", "deleted_at"}
        shown = self.model_dump(exclude=hidden, exclude_none=True)
        if not self.playback_ids:
            del shown["playback_ids"]
        seconds = int(self.created_at)
        shown["created_at"] = seconds if webhook else str(seconds)
        state, percentage = PROGRESS[self.status]
        shown |= {
            "encoding_tier": ENCODING_TIERS[self.video_quality],
            "master_access": "none",
            "mp4_support": "none",
            "progress": {"state": state, "progress": percentage},
        }
        return shown | (self._media_view() if self.media else {})

    def input_info(self) -> list[Json]:
        """Return what is known of the input, as Mux's `input-info` shows it."""
        settings: Json = {"url": self.input_url} if self.input_url else {}
        if self.source_asset_id:
            start, end = self.clip or (0.0, None)
            settings = {"url": f"mux://assets/{self.source_asset_id}", "start_time": start}
            settings |= {} if end is None else {"end_time": end}
        media = self.media
        if media is None:
            return [{"settings": settings, "file": {"container_format": "", "tracks": []}}]
        video = {
            "type": "video",
            "duration": media.video_duration or media.duration,
            "encoding": media.video_codec,
            "width": media.width,
            "height": media.height,
            "frame_rate": media.frame_rate,
        }
        audio = {
            "type": "audio",
            "duration": media.audio_duration or media.duration,
            "encoding": media.audio_codec,
            "sample_rate": media.sample_rate,
            "channels": media.channels,
        }
        tracks = [track for track in (video, audio) if track["encoding"]]
        return [
            {"settings": settings, "file": {"container_format": media.container, "tracks": tracks}}
        ]

    def _media_view(self) -> Json:
        media = self.media
        if media is None:
            return {}
        shown: Json = {"duration": media.duration, "tracks": self._tracks()}
        if media.damaged:
            shown["non_standard_input_reasons"] = dict(DAMAGED)
        if media.width is None or media.height is None:
            return shown | {"resolution_tier": "audio-only", "max_stored_resolution": "Audio only"}
        pixels = media.width * media.height
        tier = next((name for name, most in TIER_PIXELS.items() if pixels <= most), "2160p")
        tier = min(tier, self.max_resolution_tier, key=TIER_PIXELS.__getitem__)
        return shown | {
            "resolution_tier": tier,
            "max_stored_resolution": "SD" if pixels <= SD_PIXELS else STORED_RESOLUTION[tier],
            "max_stored_frame_rate": media.stored_frame_rate,
            "aspect_ratio": media.aspect_ratio,
        }

    def _tracks(self) -> list[Json]:
        media = self.media
        ids = iter(self.track_ids)
        tracks: list[Json] = []
        if media and media.width is not None:
            tracks.append(
                {
                    "type": "video",
                    "id": next(ids),
                    "duration": media.video_duration or media.duration,
                    "max_width": media.width,
                    "max_height": media.height,
                    "max_frame_rate": media.stored_frame_rate,
                }
            )
        if media and media.channels is not None:
            tracks.append(
                {
                    "type": "audio",
                    "id": next(ids),
                    "duration": media.audio_duration or media.duration,
                    "max_channels": media.channels,
                    "primary": True,
                    "status": "ready",
                }
            )
        return tracks
