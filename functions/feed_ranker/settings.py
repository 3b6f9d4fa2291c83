"""The feed function's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from functions.feed_ranker.playback import PlaybackTokens, PlaybackUrls, SigningKey
from functions.feed_ranker.upkeep import UpkeepRules
from shared.cooldown import CooldownRules
from shared.observability import LogSettings
from shared.postgres import DatabaseUrl
from shared.settings import RotatedSecrets, WebAddress

_MIN_CURSOR_SECRET = 16


class FeedSettings(LogSettings):
    """Settings of feed_ranker, by the names of the environment in lower case."""

    database_url: DatabaseUrl
    session_table: Annotated[str, Field(min_length=3)]
    cursor_secret: Annotated[RotatedSecrets, Field(min_length=1)]
    dynamodb_endpoint_url: WebAddress | None = None
    mux_stream_base_url: WebAddress = "https://stream.mux.com"
    mux_image_base_url: WebAddress = "https://image.mux.com"
    mux_signing_key_id: Annotated[
        str | None, Field(min_length=1, description="Mux's id of the key that signs playback")
    ] = None
    mux_signing_key: Annotated[
        SigningKey | None, Field(description="That key, without which signed videos do not play")
    ] = None
    mux_token_lifetime_s: Annotated[
        int, Field(ge=60, le=604_800, description="Seconds for which a playback token is valid")
    ] = 21_600

    repeat_cooldown_days: Annotated[int, Field(ge=1, le=365)] = 30
    max_repeats_per_page: Annotated[int, Field(ge=0, le=50)] = 2
    inventory_waterline: Annotated[int, Field(ge=0, le=500)] = 24
    session_cache_ttl_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    fresh_window_days: Annotated[int, Field(ge=1, le=365)] = 7
    exploration_rate: Annotated[float, Field(ge=0, le=1)] = 0.10
    new_post_quota: Annotated[int, Field(ge=0, le=100)] = 100
    database_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 2_000
    roll_up_batch: Annotated[
        int, Field(ge=1, le=10_000, description="Events that one transaction counts")
    ] = 2_000
    roll_up_shares: Annotated[
        int,
        Field(ge=1, le=32, description="Shares of the queue counted at once, a connection each"),
    ] = 1
    prune_batch: Annotated[
        int, Field(ge=1, le=10_000, description="Rows of a kind that one transaction removes")
    ] = 500
    upkeep_budget_s: Annotated[
        int, Field(ge=1, le=800, description="A run ends earlier where the function's time does")
    ] = 45
    cache_budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 1_000
    prepare_budget_ms: Annotated[
        int,
        Field(
            ge=0, le=10_000, description="For ranking a queue ahead, after a batch; 0 never does"
        ),
    ] = 700

    @model_validator(mode="after")
    def _signs_with_a_whole_key(self) -> Self:
        if (self.mux_signing_key is None) != (self.mux_signing_key_id is None):
            raise PydanticCustomError(
                "half_a_key", "MUX_SIGNING_KEY and MUX_SIGNING_KEY_ID are needed together"
            )
        return self

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
            max_repeats=self.max_repeats_per_page,
            waterline=self.inventory_waterline,
        )

    @property
    def upkeep(self) -> UpkeepRules:
        """How much the roll-up and retention do at once, and what is kept for how long."""
        return UpkeepRules(
            roll_up_batch=self.roll_up_batch,
            roll_up_shares=self.roll_up_shares,
            prune_batch=self.prune_batch,
            cooldown=timedelta(days=self.repeat_cooldown_days),
        )

    @property
    def playback_urls(self) -> PlaybackUrls:
        """What makes the addresses of videos."""
        key, key_id, lifetime_s = (
            self.mux_signing_key,
            self.mux_signing_key_id,
            self.mux_token_lifetime_s,
        )
        tokens = PlaybackTokens(key_id, key, lifetime_s) if key and key_id else None
        return PlaybackUrls(self.mux_stream_base_url, self.mux_image_base_url, tokens)

    @property
    def fresh_window(self) -> timedelta:
        """The age up to which a post is fresh."""
        return timedelta(days=self.fresh_window_days)
