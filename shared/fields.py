"""Read the fields of JSON objects that clients send, and tell which of them are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from shared.errors import FieldProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# A request of Lambda's 6 MB can have a million faults, or the name of a field can be as long as
# all of it. Lambda refuses an answer that tells them all, and the client would get a 500.
MAX_TOLD: Final = 50
_MAX_NAME: Final = 100


class Repeated(dict[str, Any]):
    """A JSON object that names a field twice; as a dict it has the last value of each.

    Attributes:
        pairs: All names with their values, in order.
    """

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def json_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs, as the `object_pairs_hook` of `json.loads`."""
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else Repeated(pairs)


class Fields(BaseModel):
    """Base of what clients send: unknown fields are refused, and so are fields named twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _named_once(cls, given: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
        if isinstance(given, Repeated):
            raise PydanticCustomError("repeated_field", "The object names a field twice.")
        return given


def field_problems(error: ValidationError) -> list[FieldProblem]:
    """Return the faults of a pydantic error by their dotted field names, without the input.

    At most MAX_TOLD are told, and the last entry then says how many more there are.
    """
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    told = [FieldProblem(_name(fault["loc"]), _message(fault)) for fault in faults[:MAX_TOLD]]
    if len(faults) > MAX_TOLD:
        told.append(FieldProblem("body", f"{len(faults) - MAX_TOLD} more faults are not listed."))
    return told


def _message(fault: ErrorDetails) -> str:
    """What is wrong, without the names of our classes."""
    if fault["type"] == "model_type":
        return "Input should be a JSON object"
    return fault["msg"].removeprefix("Value error, ")


def _name(place: Iterable[int | str]) -> str:
    """The dotted name of a field, cut where it is too long; that of the whole is `body`."""
    name = ".".join(str(part) for part in place) or "body"
    return name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…"
