"""Define the settings of create_upload."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from shared.mux import PlaybackPolicy
from shared.observability import LogSettings
from shared.postgres import DatabaseUrl
from shared.settings import MuxSettings

ResolutionTier = Literal["1080p", "1440p", "2160p"]


def _listed(value: object) -> object:
    """Split comma-separated origins. Browsers send them without a slash at the end."""
    if not isinstance(value, str):
        return value
    return [part.strip().rstrip("/") for part in value.split(",") if part.strip()]


Origins = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class UploadSettings(MuxSettings, LogSettings):
    """Settings of create_upload. Field names are the variables' names in lower case."""

    database_url: DatabaseUrl

    max_feed_duration_ms: Annotated[
        int, Field(ge=1_000, le=86_400_000, description="Longer videos are trimmed to this")
    ] = 180_000
    max_upload_mb: Annotated[
        int, Field(ge=1, le=1_000_000, description="Largest file, in MiB; above it 413")
    ] = 500
    max_open_uploads: Annotated[
        int, Field(ge=1, le=10_000, description="Uploads of one viewer that wait for their file")
    ] = 10
    upload_timeout_s: Annotated[
        int, Field(ge=60, le=604_800, description="Seconds in which the file must have arrived")
    ] = 3_600
    upload_cors_origin: Annotated[
        Origins,
        Field(min_length=1, description="Origins from which browsers may send files"),
    ] = ("*",)
    mux_playback_policy: Annotated[
        PlaybackPolicy, Field(description="Whether new videos play for everybody or with a token")
    ] = "public"
    mux_max_resolution_tier: Annotated[
        ResolutionTier, Field(description="Highest tier that is encoded, whatever a client asks")
    ] = "1080p"
    idempotency_ttl_s: Annotated[
        int, Field(ge=60, le=604_800, description="Seconds for which an Idempotency-Key holds")
    ] = 3_600
    database_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 2_000
    mux_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 4_000
    mux_post_per_s: Annotated[
        float, Field(ge=0.2, le=1_000, description="Mux's limit of POST requests a second")
    ] = 1
    mux_wait_ms: Annotated[
        int, Field(ge=0, le=10_000, description="Longest wait for a turn to send Mux a request")
    ] = 5_000
