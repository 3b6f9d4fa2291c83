"""The webhook function's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.observability import LogSettings
from shared.postgres import DatabaseUrl
from shared.settings import MuxSettings, RotatedSecrets, WebAddress


class WebhookSettings(MuxSettings, LogSettings):
    """Settings of mux_webhook, by the names of the environment in lower case."""

    database_url: DatabaseUrl
    mux_webhook_secret: Annotated[
        RotatedSecrets, Field(min_length=1, description="Any of them verifies a signature")
    ]
    mux_stream_base_url: Annotated[
        WebAddress, Field(description="Where playlists are; posts.mux_hls_url starts so")
    ] = "https://stream.mux.com"

    database_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 1_000
    webhook_budget_ms: Annotated[
        int,
        Field(ge=0, le=4_500, description="A webhook calls Mux no later than this; Mux waits 5 s"),
    ] = 3_500
    mux_call_budget_ms: Annotated[
        int, Field(ge=10, le=10_000, description="Longest call to Mux")
    ] = 2_500
    trim_patience_s: Annotated[
        int,
        Field(
            ge=15,  # longer than the longest mux_call_budget_ms: no request is under way any more
            le=86_400,
            description="A clip asked for and not found is asked for again",
        ),
    ] = 30
    sweep_most: Annotated[int, Field(ge=1, le=1_000, description="Uploads looked at in a run")] = (
        100
    )
    sweep_budget_s: Annotated[
        int, Field(ge=1, le=800, description="A run ends earlier where the function's time does")
    ] = 45
    sweep_lease_s: Annotated[
        int, Field(ge=0, le=900, description="Until then a run that broke off keeps others away")
    ] = 60
    sweep_give_up_s: Annotated[
        int, Field(ge=60, description="Unfinished so long after its time to upload: failed")
    ] = 86_400
    mux_post_per_s: Annotated[float, Field(gt=0, description="Mux's limit of POST requests")] = 1
    mux_other_per_s: Annotated[float, Field(gt=0, description="Mux's limit of all others")] = 5
