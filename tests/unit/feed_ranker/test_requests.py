from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.feed_ranker import timezones
from functions.feed_ranker.requests import FeedQuery, ImpressionBatch, ImpressionIn
from shared.models import Connection, Device, Rung

ID = "0b7f3c1e-58a5-4f3c-9d3b-4a8a2f6f5c11"
ROW = {
    "event_id": ID,
    "post_id": ID,
    "source": "fresh",
    "position": 0,
    "visible_ms": 500,
    "seen_at": "2026-05-01T12:00:00Z",
}


def faulty_fields(
    model: type[FeedQuery | ImpressionIn | ImpressionBatch], data: object
) -> set[Any]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(data)
    return {fault["loc"][0] for fault in refused.value.errors()}


def test_a_query_without_parameters_has_the_promised_defaults() -> None:
    query = FeedQuery.model_validate({})
    assert (query.page_size, query.session_id, query.cursor) == (12, None, None)
    assert (query.device, query.connection, query.timezone) == ("phone", "wifi", "UTC")


@given(st.integers(1, 50))
def test_a_page_size_from_1_to_50_is_accepted(size: int) -> None:
    assert FeedQuery.model_validate({"page_size": str(size)}).page_size == size


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("page_size", v) for v in ("0", "51", "-1", "x", "", "NaN", "1,2", "9" * 5_000)),
        *(
            ("page_size", v)
            for v in ("12.0", "1_0", "+5", " 7", "7 ", "7\n", "007", "07", "\u0667", "\uff11\uff12")
        ),
        *(("session_id", v) for v in ("", "me", "123", ID[:-1], f"{ID},{ID}")),
        ("cursor", ""),
        *(("device", v) for v in ("", "fridge", "Phone", "phone,tv")),
        *(("connection", v) for v in ("", "6g", "WIFI")),
        *(("timezone", v) for v in ("", "\ud800", "A" * 65)),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(field: str, value: str) -> None:
    assert faulty_fields(FeedQuery, {field: value}) == {field}


def test_every_bad_parameter_is_named_at_once() -> None:
    data = {"page_size": "0", "session_id": "x", "device": "x", "connection": "x", "timezone": ""}
    assert faulty_fields(FeedQuery, data) == set(data)


@pytest.mark.parametrize("device", Device)
@pytest.mark.parametrize("connection", Connection)
def test_every_device_and_connection_is_known(device: Device, connection: Connection) -> None:
    query = FeedQuery.model_validate({"device": str(device), "connection": str(connection)})
    assert (query.device, query.connection) == (device, connection)


@given(st.text() | st.sampled_from(("Europe/Vienna", "Asia/Kolkata", "UTC", "America/St_Johns")))
@example("America/Argentina")
@example("..")
@example("con")
def test_a_time_zone_that_is_accepted_exists(name: str) -> None:
    try:
        zone = FeedQuery.model_validate({"timezone": name}).timezone
    except ValidationError:
        return
    assert datetime(2026, 5, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset() is not None


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("AMERICA/ST_JOHNS", "America/St_Johns"),
        ("GMT+02:00", "UTC"),
        ("UTC+1", "UTC"),
        ("Mars/Olympus", "UTC"),
        ("../../etc/passwd", "UTC"),
        *(
            (name, "UTC")
            for name in (
                "America",
                "../UTC",
                "/etc/localtime",
                "UTC\0",
                "A/" * 32,
                "tzdata.zi",
                "__init__.py",
                "localtime",
                "posixrules",
                "Factory",
                "posix/Europe/Berlin",
                "right/Europe/Berlin",
            )
        ),
    ],
)
def test_a_name_that_is_not_iana_s_costs_no_page(given: str, meant: str) -> None:
    assert FeedQuery.model_validate({"timezone": given}).timezone == meant


def test_every_time_zone_of_iana_is_known_and_exists() -> None:
    assert len(timezones.known()) > 500
    for name in timezones.known():
        assert FeedQuery.model_validate({"timezone": name}).timezone == name
        assert ZoneInfo(name).key == name


def test_parameters_that_the_feed_does_not_know_do_no_harm() -> None:
    assert FeedQuery.model_validate({"utm_source": "x", "user_id": ID}).page_size == 12


def test_a_good_impression_is_read() -> None:
    row = ImpressionIn.model_validate(ROW)
    assert str(row.event_id) == str(row.post_id) == ID
    assert row.source is Rung.FRESH
    assert row.seen_at == datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("source", Rung)
def test_every_source_that_a_page_names_may_be_reported_back(source: Rung) -> None:
    assert ImpressionIn.model_validate({**ROW, "source": str(source)}).source is source


@pytest.mark.parametrize("seen_at", ["2026-05-01T14:00:00+02:00", "2026-05-01T12:00:00.000Z"])
def test_a_time_may_have_an_offset_or_fractions(seen_at: str) -> None:
    row = ImpressionIn.model_validate({**ROW, "seen_at": seen_at})
    assert row.seen_at == datetime(2026, 5, 1, 12, tzinfo=UTC)


BAD: dict[str, list[object]] = {
    "event_id": [None, "", "x", 7],
    "post_id": [None, "", "x", 7],
    "source": [None, "", "Fresh", "seen", 1],
    "position": [None, -1, 50, 1.0, "1", True],
    "visible_ms": [None, -1, 30 * 86_400_000 + 1, 500.0, "500", True, 10**400],
    "seen_at": [
        None,
        True,
        1_777_636_800,
        1_777_636_800.5,
        "",
        "now",
        "2026-05-01",
        "2026-05-01T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-05-01T25:00:00Z",
        "12:00:00Z",
        [],
        {},
    ],
    "extra": [1],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, bad in BAD.items() for v in bad])
def test_a_bad_value_of_an_impression_is_refused_by_its_field(field: str, value: object) -> None:
    assert faulty_fields(ImpressionIn, {**ROW, field: value}) == {field}


@pytest.mark.parametrize("visible_ms", [86_400_000, 86_400_001, 30 * 86_400_000])
def test_a_post_that_was_visible_for_days_was_seen_for_a_day(visible_ms: int) -> None:
    row = ImpressionIn.model_validate({**ROW, "visible_ms": visible_ms})
    assert row.visible_ms == 86_400_000


@pytest.mark.parametrize("seen_at", ["1777636800", "1777636800.5", "1777636800000"])
def test_a_number_written_as_text_is_no_time_either(seen_at: str) -> None:
    assert faulty_fields(ImpressionIn, {**ROW, "seen_at": seen_at}) == {"seen_at"}


@pytest.mark.parametrize("field", ROW)
def test_no_field_of_an_impression_may_be_absent(field: str) -> None:
    data = {key: value for key, value in ROW.items() if key != field}
    assert faulty_fields(ImpressionIn, data) == {field}


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_holds_1_to_100_rows_and_looks_into_none_of_them(count: int) -> None:
    batch = ImpressionBatch.model_validate({"session_id": ID, "impressions": ["bad row"] * count})
    assert batch.impressions == ["bad row"] * count


@pytest.mark.parametrize("rows", [[], [ROW] * 101, None, ROW, "rows", 1])
def test_a_batch_of_another_length_or_kind_is_refused(rows: object) -> None:
    data = {"session_id": ID, "impressions": rows}
    assert faulty_fields(ImpressionBatch, data) == {"impressions"}


def test_a_batch_with_a_field_that_is_not_known_is_refused() -> None:
    data = {"session_id": ID, "impressions": [ROW], "viewer": ID}
    assert faulty_fields(ImpressionBatch, data) == {"viewer"}


@pytest.mark.parametrize("session", [None, "", "me", 7])
def test_a_batch_needs_the_id_of_its_session(session: object) -> None:
    data = {"session_id": session, "impressions": [ROW]}
    assert faulty_fields(ImpressionBatch, data) == {"session_id"}
