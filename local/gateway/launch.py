"""What the gateway is told, made of the stack's choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.gateway.app import GatewayConfig
from local.gateway.environment import function_environment
from local.migrate import ROLES
from local.settings import DEFAULT_HOST, DEFAULT_WORKERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.gateway.template import Template
    from local.settings import StackSettings

APP_ROLE, WEBHOOK_ROLE = ROLES
WEBHOOK_FUNCTION = "mux_webhook"
FEED_FUNCTION = "feed_ranker"
URLS_OF_MUX = ("MUX_BASE_URL", "MUX_STREAM_BASE_URL", "MUX_IMAGE_BASE_URL")


def gateway_config(
    settings: StackSettings,
    template: Template,
    *,
    state_dir: Path,
    key: Path,
    parameters: Mapping[str, str],
    local: dict[str, str],
    aws: dict[str, str],
    urls: Mapping[str, str],
    artifacts: str | None,
    cells: Mapping[int, tuple[str, str]] | None = None,
) -> GatewayConfig:
    """Makes the gateway's configuration.

    Args:
        settings: the stack's choices.
        template: the SAM template, read.
        state_dir: the stack's folder.
        key: the file of the key that signs tokens.
        parameters: values of the template's parameters.
        local: variables that the stack sets, where a function has them.
        aws: variables with which every function calls DynamoDB.
        urls: role to the URL with which it connects to Postgres.
        artifacts: the folder of what `sam build` made; None runs the checkout.
        cells: of each viewer cell the database's URL and the session table, by its number.
    """
    environments, workers = {}, {}
    of_cells: dict[str, dict[str, str]] = {}
    for logical_id, function in template.functions.items():
        role = WEBHOOK_ROLE if function.name == WEBHOOK_FUNCTION else APP_ROLE
        own = local | {"DATABASE_URL": urls[role]}
        environments[logical_id] = function_environment(function, settings.environment, own) | aws
        if function.name == FEED_FUNCTION:
            of_cells = {
                str(number): environments[logical_id]
                | {"DATABASE_URL": url, "SESSION_TABLE": table}
                for number, (url, table) in (cells or {}).items()
            }
        workers[logical_id] = settings.workers.get(function.name, DEFAULT_WORKERS)
    return GatewayConfig(
        template=str(settings.template),
        parameters=dict(parameters),
        key=str(key),
        logs=str(state_dir / "logs"),
        environments=environments,
        workers=workers,
        schedule_speed=settings.schedule_speed,
        tolerant=settings.tolerant,
        artifacts=artifacts,
        warm=settings.warm,
        viewer_id_claim=settings.viewer_id_claim,
        media=_media(local),
        cells=of_cells,
        placement=(urls[APP_ROLE], *(url for url, _ in cells.values())) if cells else (),
        # Nobody on another machine reaches the stand-in, which listens on this one alone.
        proxied="" if settings.host == DEFAULT_HOST else local.get(URLS_OF_MUX[0], ""),
    )


def _media(local: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses that the page may reach: the stand-in's, or wherever Mux keeps what it has."""
    return tuple({local[name] for name in URLS_OF_MUX if local.get(name)}) or ("https:",)
