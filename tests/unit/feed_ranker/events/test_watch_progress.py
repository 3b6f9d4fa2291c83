from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.feed_ranker.events.watch_progress import _valid, record
from functions.feed_ranker.requests import WatchBatch, WatchIn
from shared import sql
from shared.errors import DatabaseUnavailableError
from tests.unit.feed_ranker.events.databases import VIEWER, FakeDatabase, LostDatabase

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY_MS = 86_400_000


def row(number: int = 1, /, **more: object) -> dict[str, object]:
    return {
        "event_id": str(UUID(int=number)),
        "post_id": str(UUID(int=100 + number)),
        "play_ms": 9_000,
        "duration_ms": 20_000,
        "liked": True,
        "commented": False,
        "shared": False,
        **more,
    }


def recorded(rows: list[Any], database: FakeDatabase | LostDatabase) -> dict[str, Any]:
    return record(database, VIEWER, WatchBatch(events=rows), now=NOW, budget_s=0.5)


def verdict(**more: object) -> WatchIn | str:
    return _valid(row(**more))


@pytest.mark.parametrize("play_ms", [0, 1, 20_000, 20_001, 200_000])
def test_a_play_of_up_to_ten_durations_is_one(play_ms: int) -> None:
    assert isinstance(verdict(play_ms=play_ms), WatchIn)


@pytest.mark.parametrize("duration_ms", [1, DAY_MS])
def test_a_duration_of_up_to_a_day_is_one(duration_ms: int) -> None:
    assert isinstance(verdict(play_ms=0, duration_ms=duration_ms), WatchIn)


def test_what_a_viewer_gave_may_be_left_out() -> None:
    sent = {k: v for k, v in row().items() if k not in {"liked", "commented", "shared"}}
    found = _valid(sent)
    assert isinstance(found, WatchIn)
    assert (found.liked, found.commented, found.shared) == (False, False, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("play_ms", -1),
        ("play_ms", 200_001),
        ("play_ms", "9000"),
        ("play_ms", 1.5),
        ("play_ms", None),
        ("duration_ms", 0),
        ("duration_ms", -5),
        ("duration_ms", DAY_MS + 1),
        ("duration_ms", True),
        ("liked", 1),
        ("liked", "true"),
        ("commented", None),
        ("shared", []),
        ("event_id", "one"),
        ("post_id", None),
        ("user_id", str(VIEWER)),
    ],
)
def test_a_bad_row_is_refused_with_the_name_of_its_field(name: str, value: object) -> None:
    assert str(verdict(**{name: value})).startswith(f"{name}: ")


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


@given(st.integers(), st.integers())
def test_what_passes_is_what_the_database_takes(play_ms: int, duration_ms: int) -> None:
    passes = 1 <= duration_ms <= DAY_MS and 0 <= play_ms <= 10 * duration_ms
    assert isinstance(verdict(play_ms=play_ms, duration_ms=duration_ms), WatchIn) == passes


def test_good_rows_are_written_in_one_statement_as_they_were_sent() -> None:
    database = FakeDatabase(["accepted", "accepted"])
    sent = [row(1), row(2, play_ms=0, liked=False, shared=True)]
    assert recorded(sent, database) == {"accepted": 2, "duplicates": 0, "rejected": []}
    (statement,) = database.sent
    assert statement.sql == sql.FEED["record_watches"]
    assert (statement.params["viewer"], statement.params["at"]) == (VIEWER, NOW)
    assert statement.params["batch"].obj == sent


def test_every_row_is_counted_once_and_refusals_stand_by_their_index() -> None:
    database = FakeDatabase(["duplicate", "unknown_post", "accepted", "bad_play"])
    sent = [row(1), "junk", row(2), row(3, play_ms=-1), row(4), row(5)]
    answer = recorded(sent, database)
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert [r["index"] for r in answer["rejected"]] == [1, 2, 3, 5]
    assert answer["rejected"][1]["reason"] == "post_id: There is no such post."
    assert answer["rejected"][3]["reason"].startswith("play_ms: ")


def test_watches_of_own_posts_are_accepted_and_told_of() -> None:
    told: list[int] = []
    database = FakeDatabase(["self_view", "accepted", "self_view"])
    batch = WatchBatch(events=[row(1), row(2), row(3)])
    answer = record(database, VIEWER, batch, now=NOW, budget_s=0.5, on_self_views=told.append)
    assert (answer["accepted"], told) == (3, [2])


def test_a_batch_of_bad_rows_alone_never_reaches_the_database() -> None:
    answer = recorded([None, {}, row(duration_ms=0)], LostDatabase())
    assert (answer["accepted"], len(answer["rejected"])) == (0, 3)


def test_nothing_is_answered_as_accepted_when_the_database_is_gone() -> None:
    with pytest.raises(DatabaseUnavailableError):
        recorded([row()], LostDatabase())


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_holds_between_one_and_a_hundred_rows(count: int) -> None:
    with pytest.raises(ValidationError):
        WatchBatch(events=[row()] * count)
