"""The capacity units of DynamoDB and their price, by the rules that AWS publishes.

The units that moto reports are made up, so that they are not used here. AWS publishes the rules at
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The on-demand prices of the standard table class in us-east-1, in US dollars
# (https://aws.amazon.com/dynamodb/pricing/on-demand/).
DOLLARS_PER_MILLION_WRITES: Final = 0.625
DOLLARS_PER_MILLION_READS: Final = 0.125

_READ_BYTES = 4096
_WRITE_BYTES = 1024
_CONTAINER_BYTES = 3  # of a list or a map, which takes one more byte for each element
_MIN_NUMBER_BYTES = 2


def units(
    operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]
) -> tuple[float, float]:
    """Return the read units and the write units of a call.

    Args:
        operation: The name of the operation in boto3, such as `GetItem`.
        request: The parameters of the call.
        answer: The answer. For a conditional write that failed it is the error's response.

    Raises:
        ValueError: The rule for this operation is not known here.
    """
    rule = _RULES.get(operation)
    if rule is None:
        raise ValueError(f"no rule for the units of {operation}")
    return rule(request, answer)


def dollars(read_units: float, write_units: float) -> float:
    """Return what a million calls with so many units cost, in US dollars."""
    return read_units * DOLLARS_PER_MILLION_READS + write_units * DOLLARS_PER_MILLION_WRITES


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return the size of an item in bytes, the names of its attributes included."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return max(_MIN_NUMBER_BYTES, math.ceil(len(content.strip("-0.")) / 2) + 1)
        case "BOOL" | "NULL":
            return 1
        case "M":
            return _CONTAINER_BYTES + len(content) + item_bytes(content)
        case "L":
            return _CONTAINER_BYTES + sum(1 + _value_bytes(element) for element in content)
        case _:
            raise ValueError(f"no rule for the size of type {kind}")


def _read_units(size: int, *, consistent: bool) -> float:
    blocks = max(1, math.ceil(size / _READ_BYTES))
    return blocks * (1.0 if consistent else 0.5)


def _write_units(size: int) -> float:
    return float(max(1, math.ceil(size / _WRITE_BYTES)))


def _get(request: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[float, float]:
    consistent = bool(request.get("ConsistentRead"))
    return _read_units(item_bytes(answer.get("Item", {})), consistent=consistent), 0.0


def _batch_get(request: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[float, float]:
    """Round up every item by itself. A key without an item costs the least."""
    total = 0.0
    for table, wanted in request["RequestItems"].items():
        found = answer.get("Responses", {}).get(table, [])
        consistent = bool(wanted.get("ConsistentRead"))
        total += sum(_read_units(item_bytes(item), consistent=consistent) for item in found)
        total += (len(wanted["Keys"]) - len(found)) * _read_units(0, consistent=consistent)
    return total, 0.0


def _query(request: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[float, float]:
    size = sum(item_bytes(item) for item in answer.get("Items", []))
    return _read_units(size, consistent=bool(request.get("ConsistentRead"))), 0.0


def _put(request: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[float, float]:
    """Count the larger of the new item and the item that it replaces, or that refused it."""
    before = answer.get("Attributes") or answer.get("Item") or {}
    return 0.0, _write_units(max(item_bytes(request["Item"]), item_bytes(before)))


_RULES: Final[dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[float, float]]]] = {
    "GetItem": _get,
    "BatchGetItem": _batch_get,
    "Query": _query,
    "PutItem": _put,
}
