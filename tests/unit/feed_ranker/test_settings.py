from __future__ import annotations

from datetime import timedelta

import pytest

from functions.feed_ranker.settings import FeedSettings
from shared.cooldown import CooldownRules
from shared.errors import SettingsError
from shared.settings import load

GOOD = {
    "DATABASE_URL": "postgresql://vroom_app:hunter2@db.example/vroom",
    "SESSION_TABLE": "vroom-sessions",
    "CURSOR_SECRET": "0123456789abcdef",
}


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        load(FeedSettings, environ)
    return str(refused.value)


def test_the_defaults_are_the_promised_ones() -> None:
    settings = load(FeedSettings, GOOD)
    assert settings.cooldown == CooldownRules(2, 24, 6)
    assert settings.session_cache_ttl_seconds == 60
    assert settings.fresh_window == timedelta(days=7)
    assert settings.exploration_rate == 0.10
    assert settings.dynamodb_endpoint_url is None


def test_the_limits_on_repeats_come_from_the_environment() -> None:
    given = {"REPEAT_COOLDOWN_DAYS": "7", "MAX_REPEATS_PER_PAGE": "0", "INVENTORY_WATERLINE": "0"}
    assert load(FeedSettings, GOOD | given).cooldown == CooldownRules(0, 0, 6)


def test_every_missing_setting_is_named() -> None:
    text = refusal({})
    assert [fault.split(":")[0] for fault in text.split("; ")] == list(GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SESSION_TABLE", "ab"),
        ("CURSOR_SECRET", "0123456789abcde"),
        ("CURSOR_SECRET", "0123456789abcdef,too short"),
        ("CURSOR_SECRET", " , "),
        ("REPEAT_COOLDOWN_DAYS", "0"),
        ("MAX_REPEATS_PER_PAGE", "-1"),
        ("INVENTORY_WATERLINE", "many"),
        ("SESSION_CACHE_TTL_SECONDS", "0"),
        ("FRESH_WINDOW_DAYS", "0.5"),
        ("EXPLORATION_RATE", "1.01"),
        ("EXPLORATION_RATE", "nan"),
        ("NEW_POST_QUOTA", "101"),
        ("DATABASE_BUDGET_MS", "9"),
        ("CACHE_BUDGET_MS", "10001"),
        ("DATABASE_URL", "http://vroom_app:hunter2@db.example"),
        ("DATABASE_URL", "  "),
        ("DYNAMODB_ENDPOINT_URL", "garbage"),
        ("MUX_STREAM_BASE_URL", "nope"),
        ("MUX_IMAGE_BASE_URL", "ftp://image.example"),
        ("POWERTOOLS_LOG_LEVEL", "zzz"),
    ],
)
def test_a_setting_out_of_range_is_named_and_its_value_is_not(name: str, value: str) -> None:
    text = refusal({**GOOD, name: value})
    assert text.startswith(f"{name}: ")
    assert ";" not in text
    assert "hunter2" not in text
    assert "0123456789abcde" not in text


def test_cursor_secrets_keep_their_order_so_that_they_can_be_rotated() -> None:
    settings = load(FeedSettings, {**GOOD, "CURSOR_SECRET": "the newer secret,the older secret"})
    assert [s.get_secret_value() for s in settings.cursor_secret] == [
        "the newer secret",
        "the older secret",
    ]


def test_secrets_do_not_show_when_the_settings_are_printed() -> None:
    text = repr(load(FeedSettings, GOOD))
    assert "hunter2" not in text
    assert "0123456789abcdef" not in text
