"""Settings from the environment: typed, parsed once at cold start, every fault named at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from shared.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Secret = Annotated[SecretStr, StringConstraints(min_length=1)]


def _split(value: object) -> object:
    """Comma-separated values as a list; empty parts fall away."""
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


# Several values are accepted so that a secret can be rotated: the first signs, any verifies.
RotatedSecrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_split)]


class Settings(BaseModel):
    """Base of each function's settings. Field names are the variables' names in lower case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class MuxSettings(Settings):
    """What a function that calls Mux needs for it."""

    mux_token_id: Secret
    mux_token_secret: Secret
    mux_base_url: str = "https://api.mux.com"
    mux_video_quality: Annotated[
        Literal["basic", "plus", "premium"],
        Field(description="Mux's encoding quality, of uploads and of their clips"),
    ] = "basic"


SettingsT = TypeVar("SettingsT", bound=Settings)


def load(
    model: type[SettingsT],
    environ: Mapping[str, str],
    read_secret: Callable[[str], str] | None = None,
) -> SettingsT:
    """Parse `environ` into `model`.

    A variable may be given as the ARN of a secret instead, which `read_secret` then fetches:
    `DATABASE_URL` as `DATABASE_URL_SECRET_ARN`, `CURSOR_SECRET` as `CURSOR_SECRET_ARN`.

    Args:
        model: The function's settings.
        environ: Environment variables.
        read_secret: Reads a Secrets Manager secret by its ARN; Powertools' by default.

    Raises:
        SettingsError: Naming every variable that is missing or invalid, never a value.
    """
    given: dict[str, Any] = {}
    for field in model.model_fields:
        name = field.upper()
        arn = environ.get(f"{name.removesuffix('_SECRET')}_SECRET_ARN")
        if environ.get(name):
            given[field] = environ[name]
        elif arn:
            given[field] = (read_secret or _read_secret)(arn)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = "; ".join(
            f"{str(fault['loc'][0]).upper() if fault['loc'] else 'settings'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise SettingsError(faults) from None


def at_cold_start() -> bool:
    """Whether Lambda is importing the function: then wrong settings are to end it right away."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def _read_secret(arn: str) -> str:
    # Imported here: only a deployment that names an ARN pays for it at cold start.
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415

    return str(parameters.get_secret(arn, max_age=300))
