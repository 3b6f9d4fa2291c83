from __future__ import annotations

import pytest

from functions.create_upload.settings import UploadSettings
from shared.errors import SettingsError
from shared.settings import load

GOOD = {
    "DATABASE_URL": "postgresql://vroom_app:hunter2@db.example/vroom",
    "MUX_TOKEN_ID": "id",
    "MUX_TOKEN_SECRET": "hunter2",
}


def test_every_wrong_setting_is_named_and_no_value_is() -> None:
    wrong = {
        "MUX_TOKEN_ID": "  ",
        "MUX_TOKEN_SECRET": "   ",
        "MUX_BASE_URL": "nope",
        "DATABASE_URL": "http://vroom:hunter2@x",
        "UPLOAD_CORS_ORIGIN": " , ",
        "MAX_UPLOAD_MB": "x",
    }
    with pytest.raises(SettingsError) as refused:
        load(UploadSettings, GOOD | wrong)
    assert {fault.split(":")[0] for fault in str(refused.value).split("; ")} == set(wrong)
    assert "hunter2" not in str(refused.value)


def test_a_line_break_after_a_secret_is_no_part_of_it() -> None:
    settings = load(UploadSettings, GOOD | {"MUX_TOKEN_SECRET": "hunter2\n"})
    assert settings.mux_token_secret.get_secret_value() == "hunter2"


def test_several_origins_are_split_and_lose_the_slash_that_browsers_do_not_send() -> None:
    given = {"UPLOAD_CORS_ORIGIN": "https://app.example/, https://www.example"}
    settings = load(UploadSettings, GOOD | given)
    assert settings.upload_cors_origin == ("https://app.example", "https://www.example")
    assert load(UploadSettings, GOOD).upload_cors_origin == ("*",)
