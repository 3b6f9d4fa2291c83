"""`sam local start-api` beside the local gateway: the same routes, the same events.

As far as that can be tested without Docker: with what sam itself reads and makes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask, request
from samcli.lib.providers.api_provider import (  # type: ignore[import-untyped]  # no types
    ApiProvider,
)
from samcli.lib.providers.sam_stack_provider import (  # type: ignore[import-untyped]  # no types
    SamLocalStackProvider,
)
from samcli.local.apigw.event_constructor import (  # type: ignore[import-untyped]  # no types
    construct_v2_event_http,
)

from local.gateway.events import HttpRequest, build_event
from local.gateway.template import load_template
from local.paths import TEMPLATE

# SAM's command uses what its own translator and jsonschema give up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

UPLOAD = "/v1/uploads/6f1c4c5e-0000-4000-8000-000000000001"
REQUESTS: list[tuple[str, str, str, bytes, dict[str, str]]] = [
    ("GET", "/v1/feed", "page_size=3&device=phone&timezone=Europe%2FBerlin", b"", {}),
    ("POST", "/v1/impressions", "", b'{"impressions": []}', {}),
    ("POST", "/v1/uploads", "", '{"content": {"caption": "é"}}'.encode(), {"idempotency-key": "k"}),
    ("GET", UPLOAD, "", b"", {}),
    ("DELETE", "/v1/me", "", b"", {}),
    ("POST", "/v1/webhooks/mux", "", b'{"type": "x"}', {"mux-signature": "t=1,v1=ab"}),
]
# Of the request as a whole, which neither the handlers nor the answers depend on.
OF_THE_CALL = {"accountId", "apiId", "requestId", "time", "timeEpoch"}
FORWARDED = ("x-forwarded-",)


def events(
    method: str, path: str, query: str, body: bytes, headers: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event that `sam local` makes of a request, and the gateway's."""
    found = load_template(TEMPLATE, {}).match(method, path)
    assert found is not None
    route, parameters = found
    sent = {"content-type": "application/json", "user-agent": "app", **headers}
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    with Flask("tests").test_request_context(
        path, method=method, query_string=query, data=body, headers=sent, environ_overrides=environ
    ):
        request.view_args = parameters or None
        sams = construct_v2_event_http(
            request, 3000, [], stage_name="$default", route_key=route.key
        )
        wire = [(name.lower(), value) for name, value in request.headers]
    ours = build_event(
        HttpRequest(method, path, query, wire, body),
        route,
        parameters,
        request_id="r",
        now=datetime.now(UTC),
    )
    return sams, ours


def as_read(event: dict[str, Any]) -> dict[str, Any]:
    """An event as Powertools reads it: header names in any case, nothing as good as empty."""
    context = {k: v for k, v in event["requestContext"].items() if k not in OF_THE_CALL}
    # sam makes up a user agent.
    context["http"] = {k: v for k, v in context["http"].items() if k != "userAgent"}
    headers = {name.lower(): value for name, value in event["headers"].items()}
    kept = {k: v for k, v in headers.items() if not k.startswith(FORWARDED)}
    read = {**event, "requestContext": context, "headers": kept}
    return {name: value for name, value in read.items() if value not in (None, "", [], {})}


@pytest.mark.parametrize("sent", REQUESTS, ids=lambda sent: f"{sent[0]} {sent[1]}")
def test_a_request_becomes_the_same_event(
    sent: tuple[str, str, str, bytes, dict[str, str]],
) -> None:
    sams, ours = events(*sent)
    assert as_read(sams) == as_read(ours)


def test_start_api_serves_the_routes_of_the_gateway() -> None:
    stacks, _ = SamLocalStackProvider.get_stacks(str(TEMPLATE))
    served = {
        (method, route.path, route.function_name)
        for route in ApiProvider(stacks).api.routes
        for method in route.methods
        if method != "OPTIONS"
    }
    ours = {(r.method, r.path, r.function) for r in load_template(TEMPLATE, {}).routes}
    assert served == ours
