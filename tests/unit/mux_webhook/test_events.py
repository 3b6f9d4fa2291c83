"""Reading events liberally: whatever Mux sends, or seems to, becomes facts or nothing."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mux_webhook.events import _READERS, parse
from functions.mux_webhook.facts import of_asset, of_upload
from shared.errors import InvalidInputError

POST = UUID("4b0b7a52-58f6-4f0e-8b6c-0d7a2b8d9a10")
ASSET = {
    "id": "asset1",
    "status": "ready",
    "passthrough": str(POST),
    "upload_id": "upload1",
    "duration": 20.04,
    "aspect_ratio": "9:16",
    "resolution_tier": "1080p",
    "playback_ids": [{"id": "signed1", "policy": "signed"}, {"id": "public1", "policy": "public"}],
}


def envelope(**changes: object) -> bytes:
    event = {"type": "video.asset.ready", "id": str(uuid4()), "data": ASSET} | changes
    return json.dumps(event).encode()


def test_an_asset_event_says_all_that_publishing_needs() -> None:
    event = parse(envelope(id="event1"))
    assert event is not None
    assert (event.id, event.type) == ("event1", "video.asset.ready")
    facts = event.facts
    assert facts.post_id == POST
    assert (facts.asset_id, facts.asset_status, facts.upload_id) == ("asset1", "ready", "upload1")
    assert facts.playback_id == "public1"
    assert facts.duration_ms == 20_040
    assert facts.audio_only is False
    assert facts.is_clip is None


@pytest.mark.parametrize("sign", [{"source_asset_id": "s"}, {"ingest_type": "on_demand_clip"}])
def test_a_clip_is_known_by_its_source_or_its_ingest_type(sign: dict[str, str]) -> None:
    assert of_asset(ASSET | sign).is_clip is True


def test_an_upload_event_finds_the_passthrough_where_it_stands() -> None:
    data = {
        "id": "upload1",
        "asset_id": "asset1",
        "status": "waiting",
        "new_asset_settings": {"passthrough": str(POST)},
        "error": {"type": "invalid_input", "message": "broke off"},
    }
    event = parse(envelope(type="video.upload.asset_created", data=data))
    assert event is not None
    assert event.facts.post_id == POST
    assert (event.facts.upload_id, event.facts.asset_id) == ("upload1", "asset1")
    assert event.facts.upload_status == "asset_created"
    assert event.facts.error == "broke off"


@pytest.mark.parametrize(
    "body", [b"", b"x", b"\xff\xfe", b"{", b"[" * 100_000, b"[]", b'"a"', b"1"]
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse(body)


@pytest.mark.parametrize("kind", [None, 1, [], {}, "", "video.asset.daydreamed", "x" * 1_000_000])
def test_an_unknown_type_does_not_concern_us(kind: object) -> None:
    assert parse(envelope(type=kind)) is None


@pytest.mark.parametrize("data", [None, 1, "a", []])
def test_an_event_without_data_does_not_concern_us(data: object) -> None:
    assert parse(envelope(data=data)) is None


@pytest.mark.parametrize("kind", sorted(_READERS))
def test_nulls_in_every_field_say_nothing(kind: str) -> None:
    event = parse(envelope(type=kind, id=None, data=dict.fromkeys([*ASSET, "tracks", "errors"])))
    assert event is not None
    said = {k for k, v in event.facts.as_row().items() if v not in (None, False)}
    # That it has no playback id, an asset's update alone says by leaving it out.
    withdrawn = {"playback_known"} if kind == "video.asset.updated" else set()
    assert said <= {"upload_status", "asset_status"} | withdrawn
    assert len(event.id) == 64


def test_an_event_without_an_id_is_known_by_its_body() -> None:
    one, same, other = (parse(envelope(id=None, attempts=n)) for n in (1, 1, 2))
    assert one is not None
    assert same is not None
    assert other is not None
    assert one.id == same.id != other.id


@pytest.mark.parametrize(
    "duration", [0, -1, True, "20", None, 1e300, 10**400, float("nan"), float("inf"), [], 2_000_000]
)
def test_a_duration_that_makes_no_sense_was_not_said(duration: object) -> None:
    assert of_asset(ASSET | {"duration": duration}).duration_ms is None


@pytest.mark.parametrize(
    ("duration", "milliseconds"),
    [(0.0004, 1), (1e-300, 1), (0.001, 1), (0.0016, 2), (5, 5_000), (1_999_999, 1_999_999_000)],
)
def test_a_duration_is_a_millisecond_at_least(duration: float, milliseconds: int) -> None:
    assert of_asset(ASSET | {"duration": duration}).duration_ms == milliseconds


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_thousands_of_digits_is_read_and_says_nothing(sign: str) -> None:
    digits = sign + "9" * 5_000
    body = envelope(created_at=0, more=0).replace(b"20.04", digits.encode())
    event = parse(body.replace(b'"more": 0', b'"more": ' + digits.encode()))
    assert event is not None
    assert event.facts.asset_id == "asset1"
    assert event.facts.duration_ms is None


@pytest.mark.parametrize("value", ["", "a b", "a\0", "\ud800", "x" * 256, 7, None, ["a"]])
def test_an_id_that_is_none_was_not_said(value: object) -> None:
    assert of_asset(ASSET | {"id": value}).asset_id is None


@pytest.mark.parametrize("value", [f"{{{POST}}}", POST.hex, f"urn:uuid:{POST}", f" {POST}", "1", 1])
def test_a_passthrough_that_is_not_exactly_a_uuid_is_a_strangers(value: object) -> None:
    assert of_asset(ASSET | {"passthrough": value}).post_id is None


def test_errors_become_text_that_can_be_stored() -> None:
    facts = of_asset({"errors": {"messages": ["nul \0", "half \ud800", 7, "x" * 9_000]}})
    assert facts.error is not None
    assert facts.error.startswith("nul ; half ?; xxx")
    assert len(facts.error) == 500


@pytest.mark.parametrize(
    ("data", "audio_only"),
    [
        ({"resolution_tier": "audio-only"}, True),
        ({"tracks": [{"type": "audio"}]}, True),
        ({"tracks": [{"type": "audio"}, {"type": "video"}]}, False),
        ({"aspect_ratio": "1:1"}, False),
        ({"tracks": [None, 1]}, None),
        ({}, None),
    ],
)
def test_sound_without_picture_is_told_from_what_is_unknown(
    data: dict[str, Any], *, audio_only: bool | None
) -> None:
    assert of_asset(data, "ready").audio_only is audio_only
    # One that is still being prepared may list its sound before its picture.
    assert of_asset(data, "preparing").audio_only is (False if audio_only is False else None)


@pytest.mark.parametrize(
    ("entries", "public", "signed"),
    [
        ([], None, None),
        ([{"id": "p"}], "p", None),
        ([{"id": "p", "policy": "public"}, {"id": "q", "policy": "public"}], "p", None),
        ([{"id": "s", "policy": "signed"}], None, "s"),
        ([{"id": "d", "policy": "drm"}], None, None),
        ([None, {"id": 1, "policy": "public"}], None, None),
    ],
)
def test_playback_ids_are_told_apart_by_their_policy(
    entries: list[Any], public: str | None, signed: str | None
) -> None:
    facts = of_asset(ASSET | {"playback_ids": entries})
    assert (facts.playback_known, facts.playback_id) == (True, public)
    assert facts.signed_playback_id == signed


def test_an_update_without_playback_ids_says_that_there_are_none_and_other_events_do_not() -> None:
    bare = {name: value for name, value in ASSET.items() if name != "playback_ids"}
    updated = parse(envelope(type="video.asset.updated", data=bare))
    ready = parse(envelope(type="video.asset.ready", data=bare))
    assert updated is not None
    assert ready is not None
    assert (updated.facts.playback_known, ready.facts.playback_known) == (True, False)


def test_what_is_odd_about_a_ready_video_is_noted() -> None:
    odd = ASSET | {"non_standard_input_reasons": {"unexpected_media_file_parameters": "x"}}
    assert of_asset(odd).note is not None
    assert of_asset(odd | {"status": "preparing"}).note is None
    assert of_asset(ASSET | {"non_standard_input_reasons": {"video_codec": "hevc"}}).note is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*ASSET, "errors", "error", "tracks", "new_asset_settings", "asset_id"])


@given(st.dictionaries(KEYS, JSON))
def test_no_data_whatsoever_fails_to_be_read(data: dict[str, Any]) -> None:
    for facts in (of_asset(data), of_upload(data)):
        stored = json.dumps(facts.as_row(), allow_nan=False, ensure_ascii=False).encode()
        assert b"\\u0000" not in stored


@pytest.mark.parametrize(
    ("made", "seconds"),
    [
        ("2026-11-22T10:00:00.500000Z", 1_795_341_600.5),
        ("2026-11-22T11:00:00+01:00", 1_795_341_600.0),
        ("2026-11-22T10:00:00", None),
        ("yesterday", None),
        (1_795_341_600, None),
        (None, None),
    ],
)
def test_an_event_says_when_it_was_made_if_it_does(made: object, seconds: float | None) -> None:
    event = parse(envelope(created_at=made))
    assert event is not None
    assert event.created_at == seconds
