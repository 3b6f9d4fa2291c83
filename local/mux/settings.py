"""Settings of the stand-in: those fixed at its start, and those that the control API may change."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Settings:
    """The settings that are fixed when the stand-in starts.

    Attributes:
        state_dir: The folder of the records and the media files.
        base_url: The address of the stand-in, without a trailing slash.
        token_id: The user name of the API.
        token_secret: The password of the API.
        webhook_secret: The secret that signs webhooks.
    """

    state_dir: Path
    base_url: str
    token_id: str
    token_secret: str
    webhook_secret: str


class Tunables(BaseModel):
    """The settings that `/control/settings` may change. Times are seconds.

    Attributes:
        webhook_url: The receiver of webhooks. They wait while it is empty.
        processing_delay: The shortest time that an asset is preparing.
        fail_assets: The number of further uploaded files that fail to become ready.
        fail_clips: The number of further clips that fail.
        fail_uploads: The number of further files whose uploads end as errored.
        post_rate, post_burst: POST requests a second in the long run, and at once. A rate of 0
            means no limit.
        other_rate, other_burst: The same for all other requests of the API.
        answer_timeout: The time that a webhook waits for its answer.
        retry_first: The delay before the first retry of a webhook. Each further delay is doubled.
        retry_longest: The longest delay.
        retry_horizon: The age at which a webhook is given up.
        concurrency: The number of webhooks that may be under way at once.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    webhook_url: str = ""
    processing_delay: float = Field(default=0.3, ge=0)
    fail_assets: int = Field(default=0, ge=0)
    fail_clips: int = Field(default=0, ge=0)
    fail_uploads: int = Field(default=0, ge=0)
    post_rate: float = Field(default=1, ge=0)
    post_burst: int = Field(default=5, ge=1)
    other_rate: float = Field(default=5, ge=0)
    other_burst: int = Field(default=15, ge=1)
    answer_timeout: float = Field(default=5, gt=0)
    retry_first: float = Field(default=2, ge=0)
    retry_longest: float = Field(default=3600, ge=0)
    retry_horizon: float = Field(default=86_400, ge=0)
    concurrency: int = Field(default=4, ge=1, le=64)

    def take(self, name: str) -> bool:
        """Count one of the `fail_…` settings down and return whether it was above 0."""
        left: int = getattr(self, name)
        if left:
            setattr(self, name, left - 1)
        return left > 0
