"""Models of the requests, which refuse what Mux refuses."""

from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.mux.errors import InvalidParametersError
from local.mux.records import Policy

Passthrough = Annotated[str, Field(max_length=255)]
Tier = Literal["1080p", "1440p", "2160p"]
Model = TypeVar("Model", bound=BaseModel)


class Fields(BaseModel):
    """The fields of a request. Fields that the stand-in does not use are accepted."""

    model_config = ConfigDict(extra="allow", strict=True)


class Meta(Fields):
    """Descriptive fields of an asset."""

    title: Annotated[str, Field(max_length=512)] | None = None
    creator_id: Annotated[str, Field(max_length=128)] | None = None
    external_id: Annotated[str, Field(max_length=128)] | None = None


class Input(Fields):
    """One input of an asset. Times are seconds."""

    url: str | None = None
    start_time: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    end_time: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class AssetSettings(Fields):
    """The settings of a new asset, of an upload or of a clip."""

    inputs: list[Input] | None = None
    playback_policies: list[Policy] | None = None
    playback_policy: list[Policy] | None = None
    passthrough: Passthrough | None = None
    meta: Meta | None = None
    max_resolution_tier: Tier | None = None
    video_quality: Literal["basic", "plus", "premium"] | None = None
    test: bool | None = None

    def policies(self) -> list[Policy]:
        """Return the playback policies, under the current or the deprecated name."""
        return self.playback_policies or self.playback_policy or []


class UploadSettings(Fields):
    """The body of a request for a direct upload."""

    timeout: int = Field(default=3600, ge=60, le=604_800)
    cors_origin: str | None = None
    new_asset_settings: AssetSettings = Field(default_factory=AssetSettings)
    test: bool = False


class AssetUpdate(Fields):
    """The body of a request that changes an asset."""

    passthrough: Passthrough | None = None
    meta: Meta | None = None


class PlaybackIdSettings(Fields):
    """The body of a request for a playback id."""

    policy: Policy = "public"


def is_web_address(url: str) -> bool:
    """Return whether an address is one of http or https and names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def parse(model: type[Model], body: object) -> Model:
    """Return a request's body as a model.

    Raises:
        InvalidParametersError: A field is invalid. The status is 422 for an unknown tier.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        faults = error.errors()
        unknown_tier = any("max_resolution_tier" in fault["loc"] for fault in faults)
        raise InvalidParametersError(
            *(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults),
            status=422 if unknown_tier else 400,
        ) from error
