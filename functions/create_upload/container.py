"""Compose create_upload from its settings, once for each Lambda container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.create_upload.settings import UploadSettings
from functions.create_upload.store import UploadStore
from functions.create_upload.uploads import Uploads
from shared import settings
from shared.mux_client import MuxClient
from shared.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.observability import Telemetry


@dataclass(frozen=True, slots=True)
class Container:
    """Keep the parts that outlive an invocation."""

    uploads: Uploads
    viewer_claim: str


def build(environ: Mapping[str, str], telemetry: Telemetry) -> Container:
    """Build the parts from the environment.

    Raises:
        SettingsError: Variables are missing or invalid; the error names all of them.
    """
    config = settings.load(UploadSettings, environ)
    telemetry.configure(config)
    store = UploadStore(
        Postgres(config.database_url.get_secret_value(), check_schema=True),
        config.database_budget_ms / 1000,
    )
    mux = MuxClient(
        config.mux_base_url,
        config.mux_token_id.get_secret_value(),
        config.mux_token_secret.get_secret_value(),
    )
    return Container(Uploads(store, mux, config), config.viewer_id_claim)
