"""Attribute values between Python, where binary ones are bytes, and DynamoDB's JSON."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Where parameters and answers hold attribute values, by how they hold them.
_ITEMS = ("Item", "Key", "ExpressionAttributeValues", "ExclusiveStartKey", "Attributes")
_ANSWERED_ITEMS = ("Item", "Attributes", "LastEvaluatedKey")


def encode_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write a call's parameters as DynamoDB reads them."""
    body = dict(request)
    for name in _ITEMS:
        if name in body:
            body[name] = _each(body[name], _encoded)
    if "RequestItems" in body:
        body["RequestItems"] = _keys_of_tables(body["RequestItems"], _encoded)
    return body


def decode_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Read an answer, or the content of an error, as boto3 gives it."""
    for name in _ANSWERED_ITEMS:
        if name in answer:
            answer[name] = _each(answer[name], _decoded)
    if "Items" in answer:
        answer["Items"] = [_each(item, _decoded) for item in answer["Items"]]
    if "Responses" in answer:
        answer["Responses"] = {
            table: [_each(item, _decoded) for item in items]
            for table, items in answer["Responses"].items()
        }
    if "UnprocessedKeys" in answer:
        answer["UnprocessedKeys"] = _keys_of_tables(answer["UnprocessedKeys"], _decoded)
    return answer


def _keys_of_tables(
    tables: Mapping[str, Any], convert: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    return {
        table: {**wanted, "Keys": [_each(key, convert) for key in wanted["Keys"]]}
        for table, wanted in tables.items()
    }


def _each(item: Mapping[str, Any], convert: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    return {name: convert(value) for name, value in item.items()}


def _encoded(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": b64encode(content).decode()}
    if kind == "BS":
        return {"BS": [b64encode(one).decode() for one in content]}
    if kind == "M":
        return {"M": _each(content, _encoded)}
    if kind == "L":
        return {"L": [_encoded(one) for one in content]}
    return value


def _decoded(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": b64decode(content)}
    if kind == "BS":
        return {"BS": [b64decode(one) for one in content]}
    if kind == "M":
        return {"M": _each(content, _decoded)}
    if kind == "L":
        return {"L": [_decoded(one) for one in content]}
    return value
