"""Which AWS calls the functions make: what IAM would be asked, written down."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.client import BaseClient

from shared.dynamodb import DynamoDB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    import pytest


@dataclass(frozen=True, order=True)
class AwsCall:
    """One call.

    Attributes:
        function: the folder of the function that made it.
        action: as IAM names it.
        resource: the table's name, or the secret's ARN.
    """

    function: str
    action: str
    resource: str


@dataclass
class AwsCalls:
    """Notes every call that code of a function makes through botocore, and lets it pass.

    Attributes:
        made: all of them, since the recorder was installed.
    """

    made: set[AwsCall] = field(default_factory=set)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        send = BaseClient._make_api_call  # type: ignore[attr-defined]  # private to botocore

        def noted(client: Any, operation: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
            function = _calling_function()
            if function is not None:
                action = f"{client.meta.service_model.signing_name}:{operation}"
                self.made |= {AwsCall(function, action, name) for name in _resources(arguments)}
            return send(client, operation, arguments)

        light = DynamoDB.call

        def noted_light(client: DynamoDB, operation: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
            function = _calling_function()
            if function is not None:
                action = f"dynamodb:{operation}"
                self.made |= {AwsCall(function, action, name) for name in _resources(arguments)}
            return light(client, operation, arguments)

        patch.setattr(BaseClient, "_make_api_call", noted)
        patch.setattr(DynamoDB, "call", noted_light)


def _calling_function() -> str | None:
    """The function whose code is on the stack; None where the test itself calls."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        package, _, rest = str(frame.f_globals.get("__name__")).partition(".")
        if package == "functions" and rest:
            return rest.partition(".")[0]
        frame = frame.f_back
    return None


def _resources(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name in ("TableName", "SecretId"):
        if name in arguments:
            yield str(arguments[name])
    yield from arguments.get("RequestItems", {})
