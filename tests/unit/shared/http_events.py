"""API Gateway v2 events as a function gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

VIEWER = UUID("0b7f3c1e-58a5-4f3c-9d3b-4a8a2f6f5c11")
OTHER = UUID("9c1d2e3f-0000-4000-8000-000000000002")


@dataclass(frozen=True)
class Context:
    """What the resolver reads of a Lambda context."""

    aws_request_id: str = "6d1f0c62-3f4d-4a54-8a4b-0f1f8f6c9a10"
    function_name: str = "example"


def event(
    method: str = "GET",
    path: str = "/v1/example",
    *,
    body: object = None,
    base64_encoded: object = False,
    query: dict[str, str] | None = None,
    claims: object = None,
) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "queryStringParameters": query,
        "requestContext": {
            "http": {"method": method, "path": path},
            "stage": "$default",
            "authorizer": {"jwt": {"claims": {"sub": str(VIEWER)} if claims is None else claims}},
        },
        "body": body,
        "isBase64Encoded": base64_encoded,
    }


def wrapped(raw: dict[str, Any]) -> APIGatewayProxyEventV2:
    return APIGatewayProxyEventV2(raw)
