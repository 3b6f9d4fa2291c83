"""Cross-origin requests, answered as API Gateway answers them by the template's CorsConfiguration.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local.gateway.answers import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.gateway.events import HttpRequest

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Cors:
    """What web pages of other origins may do.

    Attributes:
        origins: the origins, or `*` for all; `https://*` stands for all with that scheme.
        methods: the methods they may use.
        request_headers: the headers they may send.
        exposed_headers: the headers of answers that they may read.
        max_age_s: for how long browsers may remember it.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    request_headers: tuple[str, ...]
    exposed_headers: tuple[str, ...]
    max_age_s: int | None

    def preflight(self, request: HttpRequest) -> HttpAnswer | None:
        """Answers a browser's question whether it may send a request; None for other requests.

        API Gateway answers so on every path, whether there is a route or not, and says nothing of
        CORS to origins, methods and headers that are not allowed: the browser then refuses.
        """
        if request.method != "OPTIONS" or request.header("origin") is None:
            return None
        headers: Headers = []
        origin = self._allowed_origin(request)
        if origin is not None:
            headers = [
                ("access-control-allow-origin", origin),
                ("access-control-allow-methods", ",".join(self.methods)),
                ("access-control-allow-headers", ",".join(self.request_headers)),
            ]
            if self.max_age_s is not None:
                headers.append(("access-control-max-age", str(self.max_age_s)))
        return HttpAnswer(HTTPStatus.NO_CONTENT, headers, b"")

    def applied(self, request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        """The answer with the headers of CORS; those of the function's own do not count."""
        kept = [(name, value) for name, value in answer.headers if not name.startswith(_PREFIX)]
        origin = self._allowed_origin(request)
        if origin is not None:
            kept.append(("access-control-allow-origin", origin))
            if self.exposed_headers:
                kept.append(("access-control-expose-headers", ",".join(self.exposed_headers)))
        return HttpAnswer(answer.status, kept, answer.body)

    def _allowed_origin(self, request: HttpRequest) -> str | None:
        origin = request.header("origin")
        if origin is None:
            return None
        if "*" in self.origins:
            return "*"
        scheme = origin.partition("://")[0]
        return origin if {origin, f"{scheme}://*"} & set(self.origins) else None


_PREFIX = "access-control-"


def read_cors(configuration: Any, parameters: Mapping[str, str]) -> Cors | None:  # noqa: ANN401  (any YAML)
    """Reads an HTTP API's CorsConfiguration; None where there is none, or it names no origin."""
    if isinstance(configuration, dict) and "Fn::If" in configuration:
        # The condition is whether origins are given, which is asked below.
        configuration = configuration["Fn::If"][1]
    if not isinstance(configuration, dict):
        return None
    origins = configuration.get("AllowOrigins", [])
    if isinstance(origins, dict):
        separator, source = origins["Fn::Split"]
        origins = parameters.get(source["Ref"], "").split(separator)
    origins = tuple(origin for origin in origins if origin)
    if not origins:
        return None
    age = configuration.get("MaxAge")
    return Cors(
        origins=origins,
        methods=tuple(configuration.get("AllowMethods", ())),
        request_headers=tuple(configuration.get("AllowHeaders", ())),
        exposed_headers=tuple(configuration.get("ExposeHeaders", ())),
        max_age_s=None if age is None else int(age),
    )
