"""Batches of what viewers did. A bad row leaves the others alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.fields import field_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RowT = TypeVar("RowT", bound=BaseModel)


def record_rows(
    raw_rows: Sequence[object],
    check: Callable[[object], RowT | str],
    write: Callable[[Sequence[RowT]], Sequence[str]],
    refusals: Mapping[str, str],
) -> dict[str, Any]:
    """Check rows one by one, write the good ones, and count what came of each.

    Args:
        raw_rows: The rows as sent.
        check: The row, or why it is none.
        write: Writes rows in one go; the outcome of each, in order. Not called without a row.
        refusals: Outcomes that refuse a row, with the reason that a client is told. The others
            are `accepted` and `duplicate`.

    Returns:
        `accepted` and `duplicates` as counts, `rejected` as a list of index and reason.
    """
    rejected: dict[int, str] = {}
    good: list[tuple[int, RowT]] = []
    for index, raw in enumerate(raw_rows):
        row = check(raw)
        if isinstance(row, str):
            rejected[index] = row
        else:
            good.append((index, row))
    counts = {"accepted": 0, "duplicate": 0}
    outcomes = write([row for _, row in good]) if good else []
    for (index, _), outcome in zip(good, outcomes, strict=True):
        if outcome in refusals:
            rejected[index] = refusals[outcome]
        else:
            counts[outcome] += 1
    return {
        "accepted": counts["accepted"],
        "duplicates": counts["duplicate"],
        "rejected": [{"index": i, "reason": rejected[i]} for i in sorted(rejected)],
    }


def parsed(model: type[RowT], raw: object) -> RowT | str:
    """Return the row as a model, or else its first fault, led by the name of the field."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problem = field_problems(error)[0]
        return f"{problem.field}: {problem.message}"
