"""Define the settings of create_upload."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.observability import LogSettings
from shared.postgres import DatabaseUrl
from shared.settings import MuxSettings, WebAddress

ResolutionTier = Literal["1080p", "1440p", "2160p"]


class UploadSettings(MuxSettings, LogSettings):
    """Settings of create_upload. Field names are the variables' names in lower case."""

    database_url: DatabaseUrl
    session_table: Annotated[str, Field(min_length=3, description="Holds the idempotency keys")]
    dynamodb_endpoint_url: WebAddress | None = None

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
        str, Field(min_length=1, description="Origin from which browsers may send the file")
    ] = "*"
    mux_max_resolution_tier: Annotated[
        ResolutionTier, Field(description="Highest tier that is encoded, whatever a client asks")
    ] = "1080p"
    idempotency_ttl_s: Annotated[
        int, Field(ge=60, le=604_800, description="Seconds for which an Idempotency-Key holds")
    ] = 3_600
    database_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 2_000
    cache_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 1_000
    mux_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 4_000
