from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.events.impressions import _valid, record
from functions.feed_ranker.requests import ImpressionBatch, ImpressionIn
from shared import sql
from shared.errors import DatabaseUnavailableError
from tests.unit.feed_ranker.events.databases import VIEWER, FakeDatabase, LostDatabase

SESSION = UUID("5e551011-0000-4000-8000-000000000001")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def row(number: int = 1, /, **more: object) -> dict[str, object]:
    return {
        "event_id": str(UUID(int=number)),
        "post_id": str(UUID(int=100 + number)),
        "source": "fresh",
        "position": 0,
        "visible_ms": 500,
        "seen_at": NOW.isoformat(),
        **more,
    }


def recorded(rows: list[Any], database: FakeDatabase | LostDatabase) -> dict[str, Any]:
    return record(
        database,
        VIEWER,
        ImpressionBatch(session_id=SESSION, impressions=rows),
        budget_s=0.5,
    )


def verdict(**more: object) -> ImpressionIn | str:
    return _valid(row(**more))


@pytest.mark.parametrize("visible_ms", [500, 501, 86_400_000])
def test_half_a_second_in_sight_is_an_impression(visible_ms: int) -> None:
    assert isinstance(verdict(visible_ms=visible_ms), ImpressionIn)


@pytest.mark.parametrize("visible_ms", [0, 1, 499])
def test_less_than_half_a_second_is_none(visible_ms: int) -> None:
    assert verdict(visible_ms=visible_ms) == (
        "visible_ms: A post that was visible for less than 500 ms was not seen."
    )


@pytest.mark.parametrize(
    "seen_at",
    [
        NOW + timedelta(minutes=3),
        NOW - timedelta(days=31),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_a_clock_that_is_wrong_costs_no_impression(seen_at: datetime) -> None:
    found = verdict(seen_at=seen_at.isoformat())
    assert isinstance(found, ImpressionIn)
    assert found.seen_at == seen_at


@pytest.mark.parametrize("seen_at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_times_at_the_ends_of_the_calendar_are_no_impression_less(seen_at: str) -> None:
    assert isinstance(verdict(seen_at=seen_at), ImpressionIn)


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("seen_at", "2026-05-01T12:00:00"),
        ("seen_at", NOW.timestamp()),
        ("seen_at", None),
        ("source", "homepage"),
        ("source", "seen"),
        ("visible_ms", -1),
        ("visible_ms", True),
        ("position", 50),
        ("post_id", "one"),
        ("surprise", 1),
    ],
)
def test_a_bad_row_is_refused_with_the_name_of_its_field(field_name: str, value: object) -> None:
    assert str(verdict(**{field_name: value})).startswith(f"{field_name}: ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_stands_in_a_row_it_is_refused_with_a_reason(raw: object) -> None:
    found = _valid(raw)
    assert isinstance(found, str)
    assert ": " in found


def test_good_rows_are_written_with_the_viewers_session() -> None:
    database = FakeDatabase(["accepted", "accepted"])
    answer = recorded([row(1), row(2, position=3, source="explore")], database)
    assert answer == {"accepted": 2, "duplicates": 0, "rejected": []}
    (statement,) = database.sent
    assert statement.sql == sql.FEED["record_impressions"]
    assert (statement.params["viewer"], statement.params["session"]) == (VIEWER, SESSION)
    assert database.rows == [row(1), row(2, position=3, source="explore")]


def test_every_row_is_counted_once_and_refusals_stand_by_their_index() -> None:
    database = FakeDatabase(["duplicate", "unknown_post", "accepted"])
    answer = recorded([row(1), "junk", row(2), row(3, visible_ms=499), row(4)], database)
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert [r["index"] for r in answer["rejected"]] == [1, 2, 3]
    assert answer["rejected"][1]["reason"] == "post_id: There is no such post."
    assert [r["event_id"] for r in database.rows] == [str(UUID(int=n)) for n in (1, 2, 4)]


kinds = st.sampled_from(("accepted", "duplicate", "unknown_post", "bad"))


@given(st.lists(kinds, min_size=1, max_size=100))
def test_no_row_is_lost_or_counted_twice(wanted: list[str]) -> None:
    rows = [row(n, visible_ms=0 if kind == "bad" else 900) for n, kind in enumerate(wanted)]
    answer = recorded(rows, FakeDatabase([kind for kind in wanted if kind != "bad"]))
    refused = [i for i, kind in enumerate(wanted) if kind in {"unknown_post", "bad"}]
    assert answer["accepted"] == wanted.count("accepted")
    assert answer["duplicates"] == wanted.count("duplicate")
    assert [r["index"] for r in answer["rejected"]] == refused
    assert all(r["reason"] for r in answer["rejected"])


def test_a_batch_of_bad_rows_alone_never_reaches_the_database() -> None:
    database = FakeDatabase()
    answer = recorded([None, {}, row(visible_ms=1)], database)
    assert (answer["accepted"], len(answer["rejected"])) == (0, 3)
    assert database.sent == []


def test_times_are_left_to_the_database_to_correct() -> None:
    database = FakeDatabase(["accepted"])
    ahead = (NOW + timedelta(days=400)).isoformat()
    recorded([row(seen_at=ahead)], database)
    assert database.rows[0]["seen_at"] == ahead


def test_nothing_is_answered_as_accepted_when_the_database_is_gone() -> None:
    with pytest.raises(DatabaseUnavailableError):
        recorded([row()], LostDatabase())


def test_a_batch_of_bad_rows_is_answered_even_when_the_database_is_gone() -> None:
    assert recorded([row(visible_ms=1)], LostDatabase())["accepted"] == 0


def test_an_answer_of_another_length_than_the_batch_is_not_taken_for_one() -> None:
    with pytest.raises(ValueError, match="zip"):
        recorded([row(1), row(2)], FakeDatabase(["accepted"]))
