import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Database
from tests.integration.database.clients import (
    Connection,
    Row,
    at_once,
    call,
    claims_of,
    operator,
)

VIEWER = uuid.uuid4()
SEEN_AT = datetime.now(UTC) - timedelta(hours=1)  # as a device that was offline tells it


@dataclass(frozen=True)
class Scroller:
    """A viewer on a catalogue of 40 posts."""

    url: str
    operator: Connection
    posts: list[UUID]

    def record(self, batch: Sequence[Row]) -> list[str]:
        """The outcomes of a batch, in its order."""
        rows = call(
            self.url,
            VIEWER,
            "SELECT index, outcome FROM record_impressions(%s, %s, %s)",
            [VIEWER, uuid.UUID(int=7), Jsonb(batch)],
        )
        assert [row["index"] for row in rows] == list(range(len(batch)))
        return [row["outcome"] for row in rows]

    def stored(self) -> list[Row]:
        return self.operator.execute("SELECT * FROM user_post_impressions").fetchall()

    def bits(self) -> int:
        row = self.operator.execute(
            "SELECT coalesce(sum(bit_count(seen)), 0)::integer AS bits FROM viewer_seen"
        ).fetchone()
        assert row is not None
        return int(row["bits"])


@pytest.fixture
def scroller(database: Database) -> Iterator[Scroller]:
    with operator(database.admin_url) as connection:
        posts = connection.execute(
            "INSERT INTO posts (creator_id, mux_ready, mux_playback_id)"
            " SELECT gen_random_uuid(), true, 'p' FROM generate_series(1, 40) RETURNING id"
        ).fetchall()
        yield Scroller(database.app_url, connection, [row["id"] for row in posts])


def impression(post: UUID, event: UUID | None = None, **others: Any) -> Row:  # noqa: ANN401  (JSON)
    return {
        "event_id": str(event or uuid.uuid4()),
        "post_id": str(post),
        "source": "fresh",
        "position": 3,
        "visible_ms": 800,
        "seen_at": SEEN_AT.isoformat(),
        **others,
    }


def test_a_batch_is_stored_as_it_was_sent(scroller: Scroller) -> None:
    event = uuid.uuid4()
    assert scroller.record([impression(scroller.posts[0], event, score=0.5)]) == ["accepted"]
    (row,) = scroller.stored()
    assert row.pop("created_at") >= row["seen_at"]
    assert row.pop("seen_at") == SEEN_AT
    assert row == {
        "user_id": VIEWER,
        "event_id": event,
        "post_id": scroller.posts[0],
        "source": "fresh",
        "score": 0.5,
        "session_id": UUID(int=7),
        "position": 3,
        "visible_ms": 800,
        "variant": None,
    }


def test_an_empty_batch_is_answered_with_nothing(scroller: Scroller) -> None:
    assert scroller.record([]) == []


def test_duplicates_within_a_batch_and_across_batches_are_told_and_stored_once(
    scroller: Scroller,
) -> None:
    one, two, three = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    first, second = scroller.posts[:2]
    batch = [impression(first, one), impression(second, two), impression(first, one)]
    assert scroller.record(batch) == ["accepted", "accepted", "duplicate"]
    again = [impression(first, three), impression(second, two), impression(second, three)]
    assert scroller.record(again) == ["accepted", "duplicate", "duplicate"]
    assert {row["event_id"]: row["post_id"] for row in scroller.stored()} == {
        one: first,
        two: second,
        three: first,
    }


def test_an_unknown_post_sinks_only_its_own_row(scroller: Scroller) -> None:
    batch = [
        impression(scroller.posts[0]),
        impression(uuid.uuid4()),
        impression(scroller.posts[1]),
    ]
    assert scroller.record(batch) == ["accepted", "unknown_post", "accepted"]
    assert {row["post_id"] for row in scroller.stored()} == set(scroller.posts[:2])


def test_an_event_answered_as_duplicate_was_recorded(scroller: Scroller) -> None:
    event = uuid.uuid4()
    batch = [impression(uuid.uuid4(), event), impression(scroller.posts[0], event)]
    outcomes = scroller.record(batch)
    assert outcomes[0] == "unknown_post"
    recorded = bool(scroller.stored())
    assert recorded == (outcomes[1] in {"accepted", "duplicate"})


def test_the_event_of_another_viewer_is_no_duplicate(scroller: Scroller) -> None:
    event, other = uuid.uuid4(), uuid.uuid4()
    assert scroller.record([impression(scroller.posts[0], event)]) == ["accepted"]
    (row,) = call(
        scroller.url,
        other,
        "SELECT outcome FROM record_impressions(%s, NULL, %s)",
        [other, Jsonb([impression(scroller.posts[0], event)])],
    )
    assert row == {"outcome": "accepted"}


def test_a_post_that_was_taken_down_meanwhile_still_counts_as_seen(scroller: Scroller) -> None:
    scroller.operator.execute("UPDATE posts SET visibility = 'removed'")
    assert scroller.record([impression(scroller.posts[0])]) == ["accepted"]
    assert scroller.bits() == 1


def test_sixteen_deliveries_of_the_same_events_record_each_once(scroller: Scroller) -> None:
    batch = [impression(post) for post in scroller.posts]
    batches = [batch if n % 2 else batch[::-1] for n in range(16)]
    outcomes = at_once([partial(scroller.record, sent) for sent in batches])
    assert sum(answer.count("accepted") for answer in outcomes) == 40
    assert sum(answer.count("duplicate") for answer in outcomes) == 15 * 40
    assert {str(row["event_id"]) for row in scroller.stored()} == {row["event_id"] for row in batch}
    assert len(scroller.stored()) == scroller.bits() == 40


def test_sixteen_overlapping_batches_lose_no_event_and_no_bit(scroller: Scroller) -> None:
    events = [impression(post) for post in scroller.posts]
    batches = [events[n : n + 20] if n % 2 else events[n : n + 20][::-1] for n in range(16)]
    outcomes = at_once([partial(scroller.record, batch) for batch in batches])
    assert sum(answer.count("accepted") for answer in outcomes) == 35
    assert len(scroller.stored()) == scroller.bits() == 35


RECORD_ONE = (
    "SELECT record_impression(user_id => %s, post_id => %s, source => 'trending', score => 0.5,"
    " session_id => %s, visible_at => '2026-07-01T12:00:00Z') AS recorded"
)


def test_record_impression_by_the_same_parameters_records_once(scroller: Scroller) -> None:
    parameters = [VIEWER, scroller.posts[0], UUID(int=7)]
    answers = [call(scroller.url, VIEWER, RECORD_ONE, parameters) for _ in range(3)]
    assert [answer[0]["recorded"] for answer in answers] == [True, False, False]
    assert len(scroller.stored()) == 1


def test_record_impression_is_idempotent_whatever_the_clients_settings(
    scroller: Scroller,
) -> None:
    recorded = []
    for setting in (
        "SET timezone = 'UTC'",
        "SET timezone = 'Asia/Tokyo'",
        "SET datestyle = German",
    ):
        with psycopg.connect(scroller.url, autocommit=True) as connection:
            connection.execute(
                "SELECT set_config('request.jwt.claims', %s, false)", [claims_of(VIEWER)]
            )
            connection.execute(setting)
            parameters = [VIEWER, scroller.posts[0], UUID(int=7)]
            recorded.append(connection.execute(RECORD_ONE, parameters).fetchone())
    assert recorded == [(True,), (False,), (False,)]


@pytest.mark.parametrize("other", ["post", "session", "moment"])
def test_record_impression_takes_another_post_session_or_moment_as_another_event(
    scroller: Scroller, other: str
) -> None:
    statement = (
        "SELECT record_impression(%s, %s, session_id => %s,"
        " visible_at => '2026-07-01T12:00:00Z'::timestamptz + %s * interval '1 microsecond')"
        " AS recorded"
    )
    first: list[Any] = [VIEWER, scroller.posts[0], UUID(int=7), 0]
    second = list(first)
    second[["post", "session", "moment"].index(other) + 1] = {
        "post": scroller.posts[1],
        "session": UUID(int=8),
        "moment": 1,
    }[other]
    for parameters in (first, second):
        assert call(scroller.url, VIEWER, statement, parameters) == [{"recorded": True}]


def test_sixteen_calls_of_record_impression_record_once(scroller: Scroller) -> None:
    parameters = [VIEWER, scroller.posts[0], UUID(int=7)]
    answers = at_once([partial(call, scroller.url, VIEWER, RECORD_ONE, parameters)] * 16)
    assert sorted(answer[0]["recorded"] for answer in answers) == [False] * 15 + [True]
    assert len(scroller.stored()) == 1


def test_record_impression_of_an_unknown_post_is_an_error(scroller: Scroller) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="no post has this id"):
        call(scroller.url, VIEWER, RECORD_ONE, [VIEWER, uuid.uuid4(), None])
