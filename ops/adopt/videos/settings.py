"""What the operator says about bringing videos to Mux, and what that will cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ops.adopt.mapping import MappingError
from shared.errors import SettingsError
from shared.mux import PlaybackPolicy
from shared.settings import Secret, Settings, WebAddress, load

if TYPE_CHECKING:
    from collections.abc import Mapping as StringMapping

_TOLERANCE_S = 0.5  # the database trims what is longer than the cap by more than this


class IngestionSettings(Settings):
    """Settings of the ingestion. Field names are the settings' names in lower case.

    Those that the functions have too have the same names and defaults there.
    """

    ingest_per_s: Annotated[float, Field(ge=0.01, le=1_000)] = 0.5
    minutes_per_video: Annotated[float, Field(gt=0, le=1_440)] | None = None
    encoding_price: Annotated[float, Field(ge=0)] | None = None
    storage_price: Annotated[float, Field(ge=0)] | None = None
    mux_token_id: Secret | None = None
    mux_token_secret: Secret | None = None
    mux_base_url: WebAddress = "https://api.mux.com"
    mux_video_quality: Literal["basic", "plus", "premium"] = "basic"
    mux_playback_policy: PlaybackPolicy = "public"
    mux_max_resolution_tier: Literal["1080p", "1440p", "2160p"] = "1080p"
    max_feed_duration_ms: Annotated[int, Field(ge=1_000, le=86_400_000)] = 180_000

    @classmethod
    def from_settings(cls, settings: StringMapping[str, str]) -> IngestionSettings:
        """Read INGEST_PER_S, MINUTES_PER_VIDEO, ENCODING_PRICE, MUX_TOKEN_ID and the like.

        Raises:
            MappingError: One of them cannot be understood; its name stands in the error.
        """
        try:
            return load(cls, settings)
        except SettingsError as error:
            raise MappingError(str(error)) from error

    def require_all(self) -> None:
        """Check that there is what the ingestion itself needs.

        Raises:
            MappingError: It names what is missing.
        """
        needed = ("encoding_price", "storage_price", "mux_token_id", "mux_token_secret")
        missing = [name.upper() for name in needed if getattr(self, name) is None]
        if missing:
            raise MappingError(
                f"INGEST=1 needs {', '.join(missing)}. Prices are dollars a minute from Mux's own"
                " price list, for the quality and the resolution that are set"
            )


@dataclass(frozen=True, slots=True)
class Cost:
    """What the ingestion of some videos will cost.

    Attributes:
        videos: How many there are.
        encoded_minutes: Minutes that Mux encodes. A video over the cap is encoded as a whole, and
            once more up to the cap.
        stored_minutes: Minutes that Mux stores afterwards.
        seconds: How long it takes at the rate that is set.
    """

    videos: int
    encoded_minutes: float
    stored_minutes: float
    seconds: float

    @classmethod
    def of(cls, durations_s: list[float | None], settings: IngestionSettings) -> Cost | None:
        """Return the cost of videos, by their lengths where they are known.

        None where a length is not known and MINUTES_PER_VIDEO does not say how long videos are.
        """
        typical_s = None if settings.minutes_per_video is None else 60 * settings.minutes_per_video
        lengths = [typical_s if length is None else length for length in durations_s]
        cap_s = settings.max_feed_duration_ms / 1000
        encoded = stored = 0.0
        posts = 0
        for length in lengths:
            if length is None:
                return None
            is_trimmed = length > cap_s + _TOLERANCE_S
            posts += 1 + is_trimmed
            encoded += length + (cap_s if is_trimmed else 0)
            stored += min(length, cap_s)
        return cls(len(lengths), encoded / 60, stored / 60, posts / settings.ingest_per_s)

    def __str__(self) -> str:
        return (
            f"{self.videos:,} videos, {self.encoded_minutes:,.0f} minutes to encode,"
            f" {self.stored_minutes:,.0f} to store, taking {self.seconds / 60:,.0f} minutes or more"
        )

    def dollars(self, settings: IngestionSettings) -> str:
        """Return the cost in dollars, as far as prices are given."""
        if settings.encoding_price is None or settings.storage_price is None:
            return "give ENCODING_PRICE and STORAGE_PRICE from Mux's price list to see dollars"
        once = self.encoded_minutes * settings.encoding_price
        monthly = self.stored_minutes * settings.storage_price
        return (
            f"${once:,.2f} once and ${monthly:,.2f} a month without delivery, at"
            f" ${settings.encoding_price:g} a minute encoded and ${settings.storage_price:g} a"
            " minute stored for a month"
        )
