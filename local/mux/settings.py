"""Settings of the stand-in: what is fixed when it starts, and what the control API may turn."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Settings:
    """What is fixed when the stand-in starts.

    Attributes:
        state_dir: Holds the books and the media files.
        base_url: Where the stand-in is reached, without a trailing slash.
        token_id: User name of the API.
        token_secret: Password of the API.
        webhook_secret: Signs webhooks.
    """

    state_dir: Path
    base_url: str
    token_id: str
    token_secret: str
    webhook_secret: str


class Tunables(BaseModel):
    """What may be changed while the stand-in runs (`/control/settings`). Times are seconds.

    Attributes:
        webhook_url: Where webhooks go; empty = nowhere, they wait.
        processing_delay: How long an asset prepares at least.
        fail_assets: How many of the next uploaded files fail to become ready.
        fail_clips: How many of the next clips fail.
        fail_uploads: How many of the next files that arrive end as errored uploads.
        post_rate, post_burst: POST requests a second in the long run, and at once; 0 = unlimited.
        other_rate, other_burst: The same for all other requests of the API.
        answer_timeout: How long a webhook waits for its answer.
        retry_first: Delay before the first retry of a webhook; each further one is doubled.
        retry_longest: No delay is longer.
        retry_horizon: A webhook older than this is given up.
        concurrency: How many webhooks are under way at once.
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
        """Count one of the `fail_…` down; return whether there was one."""
        left: int = getattr(self, name)
        if left:
            setattr(self, name, left - 1)
        return left > 0
