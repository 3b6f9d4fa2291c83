from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import SettingsError
from shared.postgres import DatabaseUrl
from shared.settings import Settings, load


class Example(Settings):
    database_url: DatabaseUrl


def refusal(url: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(Example, {"DATABASE_URL": url})
    return str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://vroom_app:p%40ss@db.example:5432/vroom?sslmode=require",
        "postgres://vroom_app@one:5432,two:5433/vroom?target_session_attrs=read-write",
        "postgresql:///vroom?host=/run/postgresql",
        "postgresql://[::1]:5432/vroom",
        "host=db.example port=5432 dbname=vroom user=vroom_app password='a b'",
        "service=vroom",
    ],
)
def test_what_libpq_takes_is_taken(url: str) -> None:
    assert load(Example, {"DATABASE_URL": url}).database_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        *("garbage", "http://vroom:hunter2@x", "  ", "postgres://", "mysql://vroom:hunter2@h/d"),
        *("postgresql://h/d?nope=1", "postgresql://h/%zz", "postgresql://[::1/d", "nope=1"),
        *("postgresql://h:port/d", "postgresql://h:99999/d", "host=h port=0", "host='h"),
    ],
)
def test_anything_else_is_named_and_not_repeated(url: str) -> None:
    assert refusal(url) == "DATABASE_URL: Value error, is not a Postgres URL"


def test_blanks_around_it_fall_away() -> None:
    made = load(Example, {"DATABASE_URL": " postgresql://h/d\n"})
    assert made.database_url.get_secret_value() == "postgresql://h/d"


@given(st.text("hunter2:/@= '%\\", min_size=1))
def test_no_text_leads_to_another_error_or_into_it(text: str) -> None:
    try:
        load(Example, {"DATABASE_URL": text})
    except SettingsError as refused:
        told = str(refused).removeprefix("DATABASE_URL: ")
        assert told in {"Value error, is not a Postgres URL", "Field required"}
