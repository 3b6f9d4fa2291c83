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
