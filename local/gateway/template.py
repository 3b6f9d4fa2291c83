"""What the local stack reads from template.yaml: functions, routes, authorizer, table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import yaml_parse

from local.errors import StackError
from local.gateway.cors import Cors, read_cors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FUNCTION = "AWS::Serverless::Function"
HTTP_API = "AWS::Serverless::HttpApi"
TABLE = "AWS::DynamoDB::Table"
# Lambda's own defaults.
DEFAULT_TIMEOUT_S = 3
DEFAULT_MEMORY_MB = 128


@dataclass(frozen=True)
class Route:
    """One route of the HTTP API.

    Attributes:
        method: the HTTP method, or ANY.
        path: as the template has it, `{name}` standing for one segment, `{name+}` for the rest.
        function: the logical id of the function behind it.
        authorized: whether the JWT authorizer stands before it.
    """

    method: str
    path: str
    function: str
    authorized: bool

    @property
    def key(self) -> str:
        """The event's `routeKey`."""
        return f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters where the route takes this request, else None."""
        if self.method not in (method, "ANY"):
            return None
        # re.escape turns `{name+}` into `\{name\+\}`.
        pattern = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", re.escape(self.path))
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern)
        found = re.fullmatch(pattern, path, re.DOTALL)
        return None if found is None else found.groupdict()

    @property
    def precedence(self) -> tuple[bool, int, bool]:
        """Sorts the more specific route first, as API Gateway does."""
        return ("+}" in self.path, self.path.count("{"), self.method == "ANY")


@dataclass(frozen=True)
class Function:
    """One function as the template defines it, Globals included.

    Attributes:
        logical_id: its name in the template.
        handler: `module.function`.
        timeout_s: seconds after which an invocation is cut off.
        memory_mb: its memory size.
        environment: its variables; None where the value is known on AWS only.
        schedules: seconds between the events of each schedule that invokes it.
    """

    logical_id: str
    handler: str
    timeout_s: int
    memory_mb: int
    environment: dict[str, str | None]
    schedules: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Short name: the folder of its code (`functions.feed_ranker.app.…`), else the id."""
        parts = self.handler.split(".")
        return parts[1] if parts[0] == "functions" else self.logical_id


@dataclass(frozen=True)
class Template:
    """The part of template.yaml that matters locally.

    Attributes:
        functions: by logical id.
        routes: the more specific first.
        tables: logical id to the properties of each DynamoDB table.
        issuer: the `iss` that the authorizer asks for.
        audiences: of which a token must name one.
        cors: what web pages of other origins may do; None for nothing.
    """

    functions: dict[str, Function]
    routes: tuple[Route, ...]
    tables: dict[str, dict[str, Any]]
    issuer: str
    audiences: tuple[str, ...]
    cors: Cors | None = None

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route that takes a request, with its path parameters; None where there is none."""
        for route in self.routes:
            parameters = route.match(method, path)
            if parameters is not None:
                return route, parameters
        return None


def load_template(path: Path, parameters: Mapping[str, str]) -> Template:
    """Reads a SAM template.

    Args:
        path: the template.
        parameters: values for its `!Ref`s, parameters and resources alike.

    Raises:
        StackError: the template can't be read, or lacks what the local stack needs.
    """
    try:
        document = yaml_parse(path.read_text(encoding="utf-8"))
        return _read(document, parameters)
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise StackError(f"{path} can't be used: {error!r}") from error


def _read(document: dict[str, Any], parameters: Mapping[str, str]) -> Template:
    defaults = {
        name: str(parameter["Default"])
        for name, parameter in document.get("Parameters", {}).items()
        if "Default" in parameter
    }
    known = defaults | dict(parameters)
    shared = document.get("Globals", {}).get("Function", {})
    resources: dict[str, dict[str, Any]] = document["Resources"]

    def of_type(kind: str) -> dict[str, dict[str, Any]]:
        return {k: v.get("Properties", {}) for k, v in resources.items() if v["Type"] == kind}

    apis = of_type(HTTP_API)
    if len(apis) != 1:
        raise ValueError(f"one {HTTP_API} is needed, there are {len(apis)}")
    (api,) = apis.values()
    auth = api.get("Auth", {})
    default_authorizer = auth.get("DefaultAuthorizer", "NONE")
    jwt = auth.get("Authorizers", {}).get(default_authorizer, {}).get("JwtConfiguration", {})

    functions = of_type(FUNCTION)
    routes = [
        route
        for logical_id, properties in functions.items()
        for route in _routes(logical_id, properties, default_authorizer)
    ]
    return Template(
        functions={
            logical_id: _function(logical_id, properties, shared, known)
            for logical_id, properties in functions.items()
        },
        routes=tuple(sorted(routes, key=lambda route: route.precedence)),
        tables=of_type(TABLE),
        issuer=_resolve(jwt.get("issuer", ""), known) or "",
        audiences=tuple(
            audience
            for value in jwt.get("audience", [])
            if (audience := _resolve(value, known)) is not None
        ),
        cors=read_cors(api.get("CorsConfiguration"), known),
    )


def _routes(logical_id: str, properties: dict[str, Any], default: str) -> Iterator[Route]:
    for event in properties.get("Events", {}).values():
        if event["Type"] == "HttpApi":
            of_event = event["Properties"]
            authorizer = of_event.get("Auth", {}).get("Authorizer", default)
            yield Route(
                method=of_event["Method"].upper(),
                path=of_event["Path"],
                function=logical_id,
                authorized=authorizer != "NONE",
            )


def _function(
    logical_id: str,
    properties: dict[str, Any],
    shared: dict[str, Any],
    known: Mapping[str, str],
) -> Function:
    def variables(source: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = source.get("Environment", {}).get("Variables", {})
        return found

    merged = {**shared, **properties}
    return Function(
        logical_id=logical_id,
        handler=merged["Handler"],
        timeout_s=int(merged.get("Timeout", DEFAULT_TIMEOUT_S)),
        memory_mb=int(merged.get("MemorySize", DEFAULT_MEMORY_MB)),
        environment={
            name: _resolve(value, known)
            for name, value in (variables(shared) | variables(properties)).items()
        },
        schedules=tuple(
            _seconds(event["Properties"]["ScheduleExpression"])
            for event in properties.get("Events", {}).values()
            if event["Type"] == "ScheduleV2"
        ),
    )


def _seconds(expression: str) -> float:
    """The interval of `rate(5 minutes)`; a cron expression means nothing locally."""
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if found is None:
        raise ValueError(f"no rate: {expression}")
    return int(found[1]) * {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}[found[2]]


def _resolve(value: Any, known: Mapping[str, str]) -> str | None:  # noqa: ANN401  (any YAML)
    if isinstance(value, dict):
        return known.get(value["Ref"]) if set(value) == {"Ref"} else None
    return str(value)
