"""HTTP at the edge: API Gateway v2 events in, JSON and problem documents (RFC 9457) out."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from contextlib import suppress
from datetime import UTC
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from pydantic import BaseModel, ValidationError

from shared.errors import (
    FieldProblem,
    ForbiddenError,
    InvalidInputError,
    UnauthorizedError,
    UnavailableError,
    VroomError,
)
from shared.fields import Fields, Repeated, field_problems, json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
    from aws_lambda_powertools.utilities.typing import LambdaContext

ModelT = TypeVar("ModelT", bound=BaseModel)

JSON = "application/json"
PROBLEM = "application/problem+json"
_NO_STORE = {"Cache-Control": "no-store"}
_WITHOUT_BODY = {"GET", "HEAD", "DELETE"}  # no route of these has a model for a body


class Body(Fields):
    """Base of request bodies; `user_id` may name the viewer again."""

    user_id: UUID | None = None


class _Resolver(APIGatewayHttpResolver):
    """A resolver that finds its routes below any base path and on any stage.

    API Gateway says which of its routes took a request (`routeKey`). The path that it passes on
    begins with the base path of a custom domain, and with the stage where that is a named one.
    """

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        return super().resolve(_without_prefix(event), context)


def _without_prefix(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with the path that its route has, where the path ends with it."""
    _, _, route = str(event.get("routeKey") or "").partition(" ")
    if not route.startswith("/"):
        return event
    found = _end_of(route).search(str(event.get("rawPath") or ""))
    if found is None:
        return event
    context = {**(event.get("requestContext") or {}), "stage": "$default"}
    return {**event, "rawPath": found[0], "requestContext": context}


@functools.lru_cache  # each route of the template has one
def _end_of(route: str) -> re.Pattern[str]:
    """The pattern of paths that end with a route."""
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route))
    return re.compile(f"{pattern}\\Z")


def create_app(logger: Logger) -> APIGatewayHttpResolver:
    """A resolver that answers every error with a problem document."""
    app = _Resolver()

    @app.exception_handler(VroomError)
    def on_known(error: VroomError) -> Response[str]:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.warning("request refused", exc_info=error)
        return problem(error, request_id=request_id(app))

    @app.exception_handler(ServiceError)
    def on_routing(error: ServiceError) -> Response[str]:
        return _document(HTTPStatus(error.status_code), str(error.msg), request_id(app))

    @app.exception_handler(Exception)
    def on_unknown(error: Exception) -> Response[str]:
        logger.error("unexpected error", exc_info=error)
        return _document(HTTPStatus.INTERNAL_SERVER_ERROR, "The request failed.", request_id(app))

    return app


def request_id(app: APIGatewayHttpResolver) -> str:
    """The invocation's id, a UUID: it stands in answers, logs and feed_requests alike."""
    return str(app.lambda_context.aws_request_id)


def answer(body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response[str]:
    """A JSON answer. Nothing that a viewer gets may be kept by a shared cache."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Response(status, content_type=JSON, body=text, headers=dict(_NO_STORE))


def timestamp(at: datetime) -> str:
    """A time as answers hold it: RFC 3339 in UTC, whatever zone `at` is in."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def problem(error: VroomError, request_id: str) -> Response[str]:
    """The problem document of an error of this project."""
    extra: dict[str, Any] = {}
    if isinstance(error, InvalidInputError):
        extra["errors"] = [{"field": p.field, "message": p.message} for p in error.problems]
    response = _document(error.status, error.detail, request_id, extra)
    if isinstance(error, UnavailableError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _document(
    status: HTTPStatus, detail: str, request_id: str, extra: Mapping[str, Any] | None = None
) -> Response[str]:
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "request_id": request_id,
        **(extra or {}),
    }
    return Response(
        status, content_type=PROBLEM, body=json.dumps(document), headers=dict(_NO_STORE)
    )


def viewer_of(event: APIGatewayProxyEventV2, claim: str) -> UUID:
    """Who asks: the claim that API Gateway's JWT authorizer has verified.

    Args:
        event: The request.
        claim: The name of the claim that holds the viewer's UUID (`VIEWER_ID_CLAIM`).

    Raises:
        UnauthorizedError: The token has no such claim, or it is no UUID.
        ForbiddenError: The query names another viewer, or a body that no model is for does.
    """
    raw = event.raw_event
    claims = (((raw.get("requestContext") or {}).get("authorizer") or {}).get("jwt") or {}).get(
        "claims"
    ) or {}
    try:
        viewer = UUID(str(claims[claim]))
    except (KeyError, ValueError):
        raise UnauthorizedError(f"The token's claim {claim} is not a UUID.") from None
    _refuse_others(raw.get("queryStringParameters") or {}, viewer)
    # A client that means somebody else must not have it done to the caller, wherever it says so.
    if raw.get("body") and event.request_context.http.method in _WITHOUT_BODY:
        with suppress(InvalidInputError):
            _refuse_others(_json_object(event), viewer)
    return viewer


def _refuse_others(given: Mapping[str, Any], viewer: UUID) -> None:
    """Raise ForbiddenError where a `user_id` is anything but the viewer's, in whatever case."""
    pairs = given.pairs if isinstance(given, Repeated) else given.items()
    for name, named in pairs:
        if name != "user_id" or named is None:
            continue
        if not (isinstance(named, str) and named.lower() in {str(viewer), viewer.hex}):
            raise ForbiddenError


def parse_query(model: type[ModelT], event: APIGatewayProxyEventV2) -> ModelT:
    """The query parameters as `model`.

    Raises:
        InvalidInputError: Naming each bad parameter.
    """
    return _parse(model, event.raw_event.get("queryStringParameters") or {})


def parse_body(
    model: type[ModelT], event: APIGatewayProxyEventV2, viewer: UUID, *, optional: bool = False
) -> ModelT:
    """The JSON body as `model`; where it is optional, none is as good as an empty object.

    Raises:
        InvalidInputError: No JSON, or naming each bad field.
        ForbiddenError: The body names another viewer, whatever else is wrong with it.
    """
    data = {} if optional and not event.raw_event.get("body") else _json_object(event)
    _refuse_others(data, viewer)
    return _parse(model, data)


def _json_object(event: APIGatewayProxyEventV2) -> dict[str, Any]:
    body = raw_body(event)
    try:
        data = json.loads(body.decode("utf-8"), object_pairs_hook=json_object)
    except (ValueError, RecursionError):
        raise InvalidInputError(FieldProblem("body", "is not JSON in UTF-8")) from None
    if not isinstance(data, dict):
        raise InvalidInputError(FieldProblem("body", "is not a JSON object"))
    return data


def raw_body(event: APIGatewayProxyEventV2) -> bytes:
    """The body's bytes as they were sent.

    Raises:
        InvalidInputError: Flagged as base64, yet no base64.
    """
    text = event.raw_event.get("body") or ""
    if not event.raw_event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError(FieldProblem("body", "is not base64")) from None


def _parse(model: type[ModelT], data: Mapping[str, Any]) -> ModelT:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidInputError(*field_problems(error)) from None
