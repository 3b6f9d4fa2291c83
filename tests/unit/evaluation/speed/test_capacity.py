from __future__ import annotations

import pytest

from evaluation.speed import capacity


def item(size: int) -> dict[str, dict[str, object]]:
    """An item of exactly `size` bytes."""
    return {"pk": {"S": "x" * (size - len("pk"))}}


def test_an_items_size_counts_names_and_values() -> None:
    whole = {
        "text": {"S": "äb"},
        "bytes": {"B": b"12345"},
        "number": {"N": "1234"},
        "flag": {"BOOL": True},
        "list": {"L": [{"S": "ab"}, {"NULL": True}]},
        "map": {"M": {"k": {"S": "v"}}},
    }

    expected = 4 + 3 + 5 + 5 + 6 + 3 + 4 + 1 + 4 + (3 + 3 + 2) + 3 + (3 + 1 + 2)
    assert capacity.item_bytes(whole) == expected


@pytest.mark.parametrize(("size", "units"), [(1, 1), (4096, 1), (4097, 2), (13_000, 4)])
def test_a_consistent_read_costs_a_unit_for_each_four_kilobytes(size: int, units: float) -> None:
    answer = {"Item": item(max(size, 3))}

    assert capacity.units("GetItem", {"ConsistentRead": True}, answer) == (units, 0.0)
    assert capacity.units("GetItem", {}, answer) == (units / 2, 0.0)


def test_a_read_that_finds_nothing_costs_a_unit() -> None:
    assert capacity.units("GetItem", {"ConsistentRead": True}, {}) == (1.0, 0.0)


def test_a_batch_rounds_each_item_up_and_charges_for_missing_ones() -> None:
    request = {"RequestItems": {"t": {"Keys": [1, 2, 3], "ConsistentRead": True}}}
    answer = {"Responses": {"t": [item(100), item(5000)]}}

    assert capacity.units("BatchGetItem", request, answer) == (1.0 + 2.0 + 1.0, 0.0)


def test_a_query_rounds_its_items_up_together() -> None:
    answer = {"Items": [item(3000), item(3000)]}

    assert capacity.units("Query", {"ConsistentRead": True}, answer) == (2.0, 0.0)


@pytest.mark.parametrize(("size", "units"), [(3, 1), (1024, 1), (1025, 2), (13_000, 13)])
def test_a_write_costs_a_unit_for_each_kilobyte(size: int, units: float) -> None:
    assert capacity.units("PutItem", {"Item": item(size)}, {}) == (0.0, units)


def test_a_write_that_is_refused_costs_what_it_met() -> None:
    refused = {"Error": {}, "Item": item(3000)}

    assert capacity.units("PutItem", {"Item": item(10)}, refused) == (0.0, 3.0)


def test_an_unknown_operation_is_refused_rather_than_counted_as_free() -> None:
    with pytest.raises(ValueError, match="Scan"):
        capacity.units("Scan", {}, {})


def test_a_million_pages_are_priced_by_their_units() -> None:
    assert capacity.dollars(4.0, 2.0) == pytest.approx(4 * 0.125 + 2 * 0.625)
