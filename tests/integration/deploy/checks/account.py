"""The deployed stack, as far as its functions can tell."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from deploy.checks.policies import Permission, calls
from deploy.checks.translation import read_template
from local.gateway.events import HttpRequest, build_event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from local.gateway.template import Template
    from tests.aws_calls import AwsCall


@dataclass
class Context:
    """Lambda's context, as far as the handlers read it."""

    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    function_name: str = "tests"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:tests"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


@dataclass
class Account:
    """The deployed stack, as far as the functions can tell.

    Attributes:
        template: with the values of its references.
        names: what a reference's value is called in the template.
        routes: those that were called, by their keys.
    """

    template: Template
    names: Mapping[str, str]
    viewer: UUID = field(default_factory=uuid4)
    routes: set[str] = field(default_factory=set)

    def environment(self, function: str) -> dict[str, str]:
        """What Lambda gives a function, where every parameter is given."""
        given = self.template.functions[function].environment
        # In the template by condition, which the local stack leaves out.
        arns = {name: arn for arn, name in self.names.items()}
        known = {name: value for name, value in given.items() if value is not None}
        known["LOG_ID_SALT_SECRET_ARN"] = arns["LogIdSaltSecretArn"]
        known.setdefault("DATABASE_URL_SECRET_ARN", arns["UploadsDatabaseUrlSecretArn"])
        if "MUX_SIGNING_KEY" in given:
            known["MUX_SIGNING_KEY_ID"] = "key"
            known["MUX_SIGNING_KEY_SECRET_ARN"] = arns["MuxSigningKeySecretArn"]
        return known

    def call(
        self, app: ModuleType, method: str, path: str, body: object = None, **headers: str
    ) -> dict[str, Any]:
        """Call a handler as the HTTP API does; the answer's body."""
        raw_path, _, query = path.partition("?")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HttpRequest(
            method,
            raw_path,
            query,
            list({"content-type": "application/json", **named}.items()),
            raw,
        )
        found = self.template.match(method, raw_path)
        assert found is not None
        route, parameters = found
        self.routes.add(route.key)
        event = build_event(
            request,
            route,
            parameters,
            request_id=str(uuid4()),
            now=datetime.now(UTC),
            claims={"sub": str(self.viewer)} if route.authorized else None,
        )
        answer: dict[str, Any] = app.lambda_handler(event, Context())
        assert answer["statusCode"] in {200, 201, 503}, answer
        found_body: dict[str, Any] = json.loads(answer["body"])
        return found_body

    def allowed(self, function: str) -> set[Permission]:
        """What the function's role allows its code."""
        return set(calls(read_template(), function))

    def made(self, recorded: set[AwsCall], function: str) -> set[Permission]:
        """The recorded calls of a function, in the template's terms."""
        name = self.template.functions[function].name
        return {
            Permission(call.action, self.names[call.resource])
            for call in recorded
            if call.function == name and call.resource in self.names
        }

    def routes_of(self, function: str) -> set[str]:
        return {route.key for route in self.template.routes if route.function == function}
