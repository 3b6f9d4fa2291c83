from __future__ import annotations

import pytest

from functions.mux_webhook.settings import WebhookSettings
from shared.errors import SettingsError
from shared.settings import load


def test_every_wrong_setting_is_named_and_no_value_is() -> None:
    wrong = {
        "DATABASE_URL": "http://vroom:hunter2@x",
        "MUX_WEBHOOK_SECRET": " , ",
        "MUX_TOKEN_ID": "  ",
        "MUX_TOKEN_SECRET": "\n",
        "MUX_BASE_URL": "ftp://x",
        "MUX_STREAM_BASE_URL": "nope",
    }
    with pytest.raises(SettingsError) as refused:
        load(WebhookSettings, wrong)
    assert {fault.split(":")[0] for fault in str(refused.value).split("; ")} == set(wrong)
    assert "hunter2" not in str(refused.value)


def test_a_secret_entered_as_key_and_value_is_refused_by_name() -> None:
    good = {
        "DATABASE_URL": "postgresql://vroom_webhook:hunter2@db.example/vroom",
        "MUX_TOKEN_ID": "id",
        "MUX_TOKEN_SECRET": "hunter2",
        "MUX_WEBHOOK_SECRET": '{"MUX_WEBHOOK_SECRET": "hunter2", "old": "hunter2"}',
    }
    with pytest.raises(SettingsError, match=r"^MUX_WEBHOOK_SECRET: is a JSON object") as refused:
        load(WebhookSettings, good)
    assert "hunter2" not in str(refused.value)
