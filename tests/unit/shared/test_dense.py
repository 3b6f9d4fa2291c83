from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared import dense

ROWS = 5
numbers = st.integers(-(2**62), 2**62)
letters = st.text("0123456789ABCXYZabcxyz", min_size=14, max_size=40)
values = st.one_of(
    numbers,
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    letters,
    st.lists(st.text(max_size=3), max_size=2),
)


def column_of(value: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(value, min_size=ROWS, max_size=ROWS)


any_columns = st.one_of(
    column_of(numbers),
    column_of(st.integers(0, 3).map(lambda n: 1_000 * n)),
    column_of(letters),
    column_of(st.just("") | letters),
    column_of(letters.map(lambda text: f"sample{text}")),
    column_of(values),
    st.lists(values, max_size=8),  # has no value for each row
)


def again(columns: list[list[Any]], rows: int) -> list[Any]:
    kept, forms, data = dense.written(columns, rows)
    kept, forms = json.loads(json.dumps([kept, forms]))  # as they are stored
    return dense.read(kept, forms, rows, data)


@given(st.lists(any_columns, max_size=6))
def test_columns_are_read_as_they_were_written(columns: list[list[Any]]) -> None:
    read = again(columns, ROWS)
    assert read == columns
    assert [[type(v) for v in column] for column in read] == [
        [type(v) for v in column] for column in columns
    ]


def test_whole_numbers_take_the_bits_of_the_largest() -> None:
    (kept,), forms, data = dense.written([[7_000, 9_000, 8_000, 7_000]], 4)
    assert (kept, forms, len(data)) == (None, [(7_000, 1_000, 2)], 1)
    (kept,), forms, data = dense.written([[1_000_000] * 64], 64)
    assert (kept, len(data)) == (None, 0)


def test_ids_take_six_bits_a_letter() -> None:
    ids = [f"sample{number:040}" for number in range(12)]
    (kept,), _, data = dense.written([ids], 12)
    assert kept is None
    assert len(data) <= 12 * 31


def test_a_column_of_more_or_fewer_values_than_rows_stays_as_it_is() -> None:
    texts = ["g" * 20, "A" * 20, "W" * 20, "f" * 20]  # of evidence: a letter for each row
    assert dense.written([texts, [1, 2]], 20) == ([texts, [1, 2]], [], b"")
