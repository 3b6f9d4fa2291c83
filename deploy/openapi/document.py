"""The OpenAPI document of the operations."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from deploy.openapi.answers import Problem
from deploy.openapi.operations import OPERATIONS, Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

_REF: Final = "#/components/schemas/{model}"
_PUBLISHED_AS: Final = {"Rung": "Source"}
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_DESCRIPTION: Final = (
    "JSON, snake_case; ids are UUIDs, times RFC 3339 in UTC. The viewer is the `sub` of the token, "
    "a UUID; a `user_id` in query or body may repeat it, another one is 403."
)


def build(operations: Sequence[Operation] = OPERATIONS) -> dict[str, Any]:
    """Return the document of all operations, with the models of their requests and answers."""
    read = [m for o in operations for m in (o.body, o.query, o.rows and o.rows[1]) if m]
    models: dict[str, type[BaseModel]] = {m.__name__: m for m in read}
    told = {o.answer.__name__: o.answer for o in operations} | {"Problem": Problem}
    _, definitions = models_json_schema(
        [(m, "validation") for m in models.values()]
        + [(m, "serialization") for m in told.values()],
        ref_template=_REF,
    )
    schemas = _named_as_published(definitions["$defs"])
    for operation in operations:
        if operation.body and operation.rows:
            name, row = operation.rows
            schemas[operation.body.__name__]["properties"][name]["items"] = _ref(row)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, schemas)
    for query in {o.query for o in operations if o.query}:
        del schemas[query.__name__]  # its fields are written out as parameters
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vroom feed", "version": "1", "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "ViewerToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
        "security": [{"ViewerToken": []}],
    }


def _named_as_published(schemas: dict[str, Any]) -> dict[str, Any]:
    """Give each schema the name that clients know, where the class has another one."""
    text = json.dumps(schemas)
    for name, published in _PUBLISHED_AS.items():
        text = text.replace(f'"{name}"', f'"{published}"')
        text = text.replace(f'"{_REF.format(model=name)}"', f'"{_REF.format(model=published)}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation, schemas),
        "responses": {str(int(operation.status)): _response(operation.status, operation.answer)},
    }
    for status in sorted(operation.errors):
        entry["responses"][str(int(status))] = _response(status, Problem)
    if operation.body:
        content = {"application/json": {"schema": _ref(operation.body)}}
        entry["requestBody"] = {"required": True, "content": content}
    elif operation.signed:
        entry["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    if operation.signed:
        entry["security"] = []
    return entry


def _parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    uuid = {"type": "string", "format": "uuid"}
    found = [
        {"name": name, "in": "path", "required": True, "schema": uuid}
        for name in _PARAMETER.findall(operation.path)
    ]
    if operation.query:
        schema = schemas[operation.query.__name__]
        required = schema.get("required", [])
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": _one(value)}
            for name, value in schema["properties"].items()
        ]
    found += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in operation.headers.items()
    ]
    return found


def _one(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without null, because a query leaves the parameter out."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    rest = {k: v for k, v in schema.items() if k not in {"anyOf", "default", "title"}}
    default = {"default": schema["default"]} if schema.get("default") is not None else {}
    return {**rest, **(kinds[0] if kinds else {}), **default}


def _response(status: HTTPStatus, model: type[BaseModel]) -> dict[str, Any]:
    kind = "application/problem+json" if model is Problem else "application/json"
    answer: dict[str, Any] = {
        "description": status.phrase,
        "content": {kind: {"schema": _ref(model)}},
    }
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        answer["headers"] = {
            "Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}
        }
    return answer


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
