"""The feed function's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from shared.cooldown import CooldownRules
from shared.settings import RotatedSecrets, Settings

_MIN_CURSOR_SECRET = 16


class FeedSettings(Settings):
    """Settings of feed_ranker, by the names of the environment in lower case."""

    database_url: SecretStr
    session_table: Annotated[str, Field(min_length=3)]
    cursor_secret: Annotated[RotatedSecrets, Field(min_length=1)]
    dynamodb_endpoint_url: str | None = None
    mux_stream_base_url: str = "https://stream.mux.com"
    mux_image_base_url: str = "https://image.mux.com"

    repeat_cooldown_days: Annotated[int, Field(ge=1, le=365)] = 30
    max_repeats_per_page: Annotated[int, Field(ge=0, le=50)] = 2
    inventory_waterline: Annotated[int, Field(ge=0, le=500)] = 24
    session_cache_ttl_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    fresh_window_days: Annotated[int, Field(ge=1, le=365)] = 7
    exploration_rate: Annotated[float, Field(ge=0, le=1)] = 0.10
    database_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 2_000
    cache_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 1_000

    @field_validator("cursor_secret")
    @classmethod
    def _long_enough(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(s.get_secret_value()) < _MIN_CURSOR_SECRET for s in secrets):
            raise ValueError(f"each secret needs at least {_MIN_CURSOR_SECRET} characters")
        return secrets

    @property
    def cooldown(self) -> CooldownRules:
        """The limits on repeats."""
        return CooldownRules(
            days=self.repeat_cooldown_days,
            max_repeats=self.max_repeats_per_page,
            waterline=self.inventory_waterline,
        )

    @property
    def fresh_window(self) -> timedelta:
        """The age up to which a post is fresh."""
        return timedelta(days=self.fresh_window_days)
