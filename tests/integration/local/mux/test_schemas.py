"""Every answer and every webhook of the stand-in has the form of Mux's."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError

from tests.integration.local.mux.running import TOKEN_ID, TOKEN_SECRET, Receiver, Running
from tests.integration.local.mux.schemas import (
    ANSWERS,
    ASSET,
    EVENT_DATA,
    check,
    check_answer,
    check_event,
    route_of,
)

SETTINGS = {
    "playback_policies": ["public", "signed"],
    "passthrough": "post-1",
    "meta": {"title": "A post"},
    "max_resolution_tier": "1080p",
    "video_quality": "plus",
}


class Asking:
    """Asks the API, and checks each answer."""

    def __init__(self, mux: Running) -> None:
        self.mux = mux
        self.asked: set[tuple[str, str]] = set()

    def __call__(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        answer = self.mux.http.request(method, path, json=body, auth=(TOKEN_ID, TOKEN_SECRET))
        content = answer.json() if answer.content else None
        check_answer(method, path.partition("?")[0], answer.status_code, content)
        if answer.is_success:
            self.asked.add((method, route_of(path.partition("?")[0])))
        return content["data"] if content and "data" in content else content

    def upload(self, path: Path | None) -> Any:  # noqa: ANN401 - JSON
        """Upload a file, and return its asset once all is settled."""
        made = self("POST", "/video/v1/uploads", {"new_asset_settings": SETTINGS, "test": True})
        self.mux.http.put(made["url"], content=path.read_bytes() if path else b"no video")
        self("GET", f"/video/v1/uploads/{made['id']}")
        (asset,) = self("GET", f"/video/v1/assets?upload_id={made['id']}")
        self.mux.settle()
        return self("GET", f"/video/v1/assets/{asset['id']}")


def test_every_answer_and_every_webhook_has_the_form_of_mux(
    mux: Running, receiver: Receiver, videos: dict[str, Path]
) -> None:
    ask = Asking(mux)
    ask("GET", "/system/v1/whoami")
    names = ("short", "audio", "cut", "broken")
    assets = [ask.upload(videos[name]) for name in names]
    short, cut = assets[0], assets[2]
    assert [asset["status"] for asset in assets] == ["ready", "ready", "ready", "errored"]
    assert [asset for asset in assets if "non_standard_input_reasons" in asset] == [cut]
    asset = f"/video/v1/assets/{short['id']}"
    for own in assets:
        ask("GET", f"/video/v1/assets/{own['id']}/input-info")
    inputs = [{"url": f"mux://assets/{short['id']}", "start_time": 0, "end_time": 2}]
    clip = ask("POST", "/video/v1/assets", SETTINGS | {"inputs": inputs})
    mux.settle()
    ask("GET", f"/video/v1/assets/{clip['id']}/input-info")
    assert ask("PATCH", asset, {"passthrough": "post-2"})["passthrough"] == "post-2"
    playback = ask("POST", f"{asset}/playback-ids", {"policy": "public"})
    ask("GET", f"{asset}/playback-ids")
    ask("GET", f"{asset}/playback-ids/{playback['id']}")
    found = ask("GET", f"/video/v1/playback-ids/{playback['id']}")
    assert found["object"] == {"type": "asset", "id": short["id"]}
    ask("DELETE", f"{asset}/playback-ids/{playback['id']}")
    ask("DELETE", asset)
    key = ask("POST", "/system/v1/signing-keys")
    ask("GET", "/system/v1/signing-keys")
    assert "private_key" not in ask("GET", f"/system/v1/signing-keys/{key['id']}")
    ask("DELETE", f"/system/v1/signing-keys/{key['id']}")
    upload = ask("POST", "/video/v1/uploads", {"cors_origin": "*"})
    ask("PUT", f"/video/v1/uploads/{upload['id']}/cancel")
    failed = ask("POST", "/video/v1/uploads", {})
    mux.control(f"uploads/{failed['id']}/fail")
    assert ask("GET", f"/video/v1/uploads/{failed['id']}")["status"] == "errored"
    ask("GET", "/video/v1/uploads")
    assert ask.asked == set(ANSWERS)
    mux.control("events", {"kind": "stranger"})
    mux.settle()
    for received in receiver.received:
        check_event(received.event)
    assert set(receiver.types()) == set(EVENT_DATA)


def test_every_refusal_has_the_form_of_mux(mux: Running) -> None:
    ask = Asking(mux)
    refused = [
        ask("GET", "/video/v1/assets/unknown"),
        ask("GET", "/video/v1/playback-ids/unknown"),
        ask("GET", "/video/v1/nothing"),
        ask("POST", "/video/v1/assets", {"inputs": []}),
        ask("GET", "/system/v1/signing-keys/unknown"),
    ]
    assert all(content["error"]["messages"] for content in refused)
    mux.control("settings", {"other_rate": 0.001, "other_burst": 1}, "PATCH")
    ask("GET", "/system/v1/whoami")
    assert ask("GET", "/video/v1/assets") == {"errors": ["Too many requests, retry later."]}


def test_a_429_that_a_rule_asks_for_has_the_same_form(mux: Running) -> None:
    mux.control("api-faults", {"kind": "status", "status": 429, "count": 1})
    assert Asking(mux)("GET", "/video/v1/assets").keys() == {"errors"}


def test_the_schemas_refuse_unknown_and_missing_fields(
    mux: Running, videos: dict[str, Path]
) -> None:
    asset = Asking(mux).upload(videos["broken"])
    with pytest.raises(ValidationError, match="was unexpected"):
        check(ASSET, asset | {"colour": "red"})
    del asset["progress"]
    with pytest.raises(ValidationError, match="'progress' is a required property"):
        check(ASSET, asset)
