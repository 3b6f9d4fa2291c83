"""Finding one's way in a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = ("FeedRankerFunction", "CreateUploadFunction", "MuxWebhookFunction")


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == kind}


def one(resources: dict[str, Any], kind: str) -> Any:  # noqa: ANN401  # its properties
    (found,) = of_type(resources, kind).values()
    return found


def texts(value: object) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value
