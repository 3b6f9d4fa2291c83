"""Settings from the environment: typed, parsed once at cold start, every fault named at once."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
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

_WEB: Final = {"http", "https"}
# Letters, digits and hyphens between dots, or an IPv6 address: what botocore takes of a host.
_HOST: Final = re.compile(r"(?!-)[a-z0-9-]+(?<!-)(\.(?!-)[a-z0-9-]+(?<!-))*|[0-9a-f.]*:[0-9a-f.:]+")


def without_blanks(value: object) -> object:
    """The text without blanks around it: secrets are often stored with a line break at the end."""
    return value.strip() if isinstance(value, str) else value


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname if parts.scheme in _WEB and parts.port != 0 else None
    except ValueError:
        host = None
    # urlsplit passes over line breaks and blanks, which whoever uses the address does not.
    if host is None or not _HOST.fullmatch(host) or re.search(r"\s", value):
        raise ValueError("is not an http or https URL with a host")
    return value


Secret = Annotated[SecretStr, StringConstraints(min_length=1), BeforeValidator(without_blanks)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


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


class RequestSettings(Settings):
    """What every function knows of requests."""

    # A name as issuers write it; Auth0's are URLs.
    viewer_id_claim: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")] = "sub"


class MuxSettings(Settings):
    """What a function that calls Mux needs for it."""

    mux_token_id: Secret
    mux_token_secret: Secret
    mux_base_url: WebAddress = "https://api.mux.com"
    mux_video_quality: Annotated[
        Literal["basic", "plus", "premium"],
        Field(description="Mux's encoding quality, of uploads and of their clips"),
    ] = "basic"


class UnreadableSecretError(SettingsError):
    """A secret cannot be read."""


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
        read_secret: Reads a Secrets Manager secret by its ARN, or raises UnreadableSecretError
            with the reason; Powertools' by default.

    Raises:
        SettingsError: Naming every variable that is missing or invalid, never a value.
    """
    given: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    for field in model.model_fields:
        name = field.upper()
        arn = f"{name.removesuffix('_SECRET')}_SECRET_ARN"
        if environ.get(name):
            given[field] = environ[name]
        elif environ.get(arn):
            try:
                given[field] = (read_secret or _read_secret)(environ[arn])
            except UnreadableSecretError as error:
                unreadable[field] = f"{arn}: cannot be read ({error})"
    faults = [*unreadable.values()]
    try:
        settings = model.model_validate(given)
    except ValidationError as error:
        faults += [
            f"{str(fault['loc'][0]).upper() if fault['loc'] else 'settings'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
            if not unreadable.keys() & set(fault["loc"])
        ]
    if faults:
        raise SettingsError("; ".join(faults)) from None
    return settings


def at_cold_start() -> bool:
    """Whether Lambda is importing the function: then wrong settings are to end it right away."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def _read_secret(arn: str) -> str:
    # Imported here: only a deployment that names an ARN pays for it at cold start.
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415

    try:
        return str(parameters.get_secret(arn, max_age=300))
    except parameters.exceptions.GetParameterError as error:
        # AWS's whole sentence names accounts and roles; its code says enough.
        cause = error.__context__
        told = getattr(cause, "response", {}).get("Error", {}).get("Code")
        raise UnreadableSecretError(told or type(cause).__name__) from error
