"""Define the settings of mux_webhook."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from shared.observability import LogSettings
from shared.postgres import DatabaseUrl
from shared.settings import MuxSettings, RotatedSecrets, WebAddress


def _is_no_json(value: object) -> object:
    """Refuse what the AWS console stores when a secret is entered as key and value."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        raise PydanticCustomError(
            "json_secret", "is a JSON object; store the secret as plaintext, without a key"
        )
    return value


class WebhookSettings(MuxSettings, LogSettings):
    """Settings of mux_webhook. Field names are the variables' names in lower case."""

    database_url: DatabaseUrl
    mux_webhook_secret: Annotated[
        RotatedSecrets,
        BeforeValidator(_is_no_json),
        Field(min_length=1, description="Each of them verifies a signature"),
    ]
    mux_stream_base_url: Annotated[
        WebAddress,
        Field(description="Where Mux serves playlists; posts.mux_hls_url begins with it"),
    ] = "https://stream.mux.com"

    database_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 1_000
    webhook_budget_ms: Annotated[
        int,
        Field(
            ge=0, le=4_500, description="Time for a webhook's calls to Mux, which itself waits 5 s"
        ),
    ] = 3_500
    mux_call_budget_ms: Annotated[
        int, Field(ge=10, le=10_000, description="Longest time that one call to Mux takes")
    ] = 2_500
    trim_patience_s: Annotated[
        int,
        Field(
            ge=15,  # longer than any mux_call_budget_ms, so that no request is still under way
            le=86_400,
            description="Time after which a clip that Mux does not have is asked for again",
        ),
    ] = 30
    sweep_max_rows: Annotated[
        int, Field(ge=1, le=1_000, description="Most uploads that one run looks at")
    ] = 100
    sweep_max_playback_checks: Annotated[
        int, Field(ge=0, le=200, description="Most published videos that one run asks Mux for")
    ] = 30
    playback_check_every_s: Annotated[
        int, Field(ge=60, description="Time between two looks at a published video")
    ] = 86_400
    sweep_budget_s: Annotated[
        int,
        Field(
            ge=1,
            le=800,
            description="Time for a run, which ends earlier if the function's time does",
        ),
    ] = 45
    sweep_lease_s: Annotated[
        int,
        Field(ge=0, le=900, description="Time for which a run that broke off keeps others away"),
    ] = 60
    sweep_give_up_s: Annotated[
        int, Field(ge=60, description="Time after an upload's deadline until it counts as failed")
    ] = 86_400
    mux_post_per_s: Annotated[
        float, Field(gt=0, description="Mux's limit of POST requests a second")
    ] = 1
    mux_other_per_s: Annotated[
        float, Field(gt=0, description="Mux's limit of all other requests a second")
    ] = 5
